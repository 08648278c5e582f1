"""How a wrong passphrase is answered."""

from __future__ import annotations

import pytest
import trio

from rhd.errors import Refusal
from rhd.oauth.wrong_passphrases import DELAY_S, MAX_WAITING, WrongPassphrases
from tests.support.noted_events import NotedEvents


async def test_a_wrong_one_is_answered_after_a_second(autojump_clock: trio.testing.MockClock) -> None:
    wrong = WrongPassphrases(NotedEvents())
    start = trio.current_time()
    await wrong.answer()
    assert trio.current_time() - start == pytest.approx(DELAY_S)
    assert (wrong.count, wrong.waiting) == (1, 0)


async def test_while_64_wait_further_ones_are_told_so_at_once(autojump_clock: trio.testing.MockClock) -> None:
    audit = NotedEvents()
    wrong = WrongPassphrases(audit)
    async with trio.open_nursery() as nursery:
        for _ in range(MAX_WAITING):
            nursery.start_soon(wrong.answer)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        for _ in range(1000):
            with pytest.raises(Refusal) as caught:
                await wrong.answer()
            assert caught.value.code == "TOO_MANY_TRIES"
        assert trio.current_time() == start
    await wrong.answer()
    assert wrong.count == len(audit.events) == MAX_WAITING + 1001


async def test_whoever_goes_away_gives_the_place_up() -> None:
    wrong = WrongPassphrases(NotedEvents())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wrong.answer)
        await trio.testing.wait_all_tasks_blocked()
        assert wrong.waiting == 1
        nursery.cancel_scope.cancel()
    assert wrong.waiting == 0
