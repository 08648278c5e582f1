"""Logins that wait for the owner's word."""

from __future__ import annotations

import pytest
import trio

from rhd.errors import Refusal
from rhd.oauth import approvals as waiting
from rhd.oauth.approvals import HELD_S, MAX_HELD, Approvals
from rhd.oauth.clients import Client
from rhd.oauth.login import Login


def login(id_: str) -> Login:
    return Login(id_, 0, "o", "b", Client("c", "C", ()), "http://127.0.0.1/", None, "", "hub", ())


@pytest.mark.parametrize("typed", ["abcd-efgh", "ABCD-EFGH", " abcdefgh ", "abcd efgh", "ab-cd-ef-gh", "abcd-efgh."])
def test_a_code_is_found_however_it_is_typed(typed: str) -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    assert room.find(typed).id == "1"


@pytest.mark.parametrize("typed", ["", "abcd", "abcd-efgi", "*", "%", "abcd-efghi"])
def test_nothing_is_found_under_another_code(typed: str) -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    with pytest.raises(Refusal) as caught:
        room.find(typed)
    assert caught.value.code == "APPROVAL_NOT_FOUND"


def test_a_code_never_changes_hands() -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    room.enter("abcd-efgh", login("2"))
    assert room.find("abcd-efgh").id == "1"


def test_when_it_is_full_whoever_was_seen_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_LOGINS", 3)
    room = Approvals()
    for code in ("aaaa-aaaa", "bbbb-bbbb", "cccc-cccc"):
        room.enter(code, login(code))
    room.enter("aaaa-aaaa", login("aaaa-aaaa"))
    room.enter("dddd-dddd", login("dddd-dddd"))
    assert len(room) == 3
    assert room.find("aaaa-aaaa")
    with pytest.raises(Refusal):
        room.find("bbbb-bbbb")


async def test_a_page_is_told_at_once_when_its_login_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.wait, "abcd-efgh")
        await trio.testing.wait_all_tasks_blocked()
        room.leave("abcd-efgh")
    assert trio.current_time() == start
    await room.wait("abcd-efgh")


async def test_a_page_waits_for_twenty_seconds_at_most(autojump_clock: trio.testing.MockClock) -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    start = trio.current_time()
    await room.wait("abcd-efgh")
    assert trio.current_time() - start == pytest.approx(HELD_S)


async def test_more_pages_than_may_be_held_are_answered_at_once(autojump_clock: trio.testing.MockClock) -> None:
    room = Approvals()
    room.enter("abcd-efgh", login("1"))
    async with trio.open_nursery() as nursery:
        for _ in range(MAX_HELD):
            nursery.start_soon(room.wait, "abcd-efgh")
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        await room.wait("abcd-efgh")
        assert trio.current_time() == start
        nursery.cancel_scope.cancel()
    assert room._held == 0
