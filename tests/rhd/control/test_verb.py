"""One request as data, and the connection that it is answered on."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from rhd.control import verb as module
from rhd.control.verb import ControlConnection, Slots, Verb
from rhd.errors import Refusal
from rhd.hosting.sockets import Peer


async def nothing(_: Any) -> None:
    """Do nothing."""


VERB = Verb("test", nothing, {"name": str, "count": int, "sure": bool, "names": list}, required=("name",))


def test_what_was_not_given_is_none() -> None:
    assert VERB.check({"name": "x"}) == {"name": "x", "count": None, "sure": None, "names": None}
    assert VERB.check({"name": "x", "count": None, "sure": False}) == {
        "name": "x",
        "count": None,
        "sure": False,
        "names": None,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs name"),
        ({"name": None}, "needs name"),
        ({"name": 1}, "must be a string"),
        ({"name": ["x"]}, "must be a string"),
        ({"name": "x\0y"}, "holds a NUL"),
        ({"name": "x", "count": "1"}, "must be a whole number"),
        ({"name": "x", "count": True}, "must be a whole number"),
        ({"name": "x", "count": 1.0}, "must be a whole number"),
        ({"name": "x", "sure": 1}, "must be true or false"),
        ({"name": "x", "names": "abc"}, "must be a list"),
        ({"name": "x", "other": 1}, "has no parameter 'other'"),
        ({"name": "x", "y" * 500: 1}, "has no parameter 'yyy"),
    ],
)
def test_what_is_missing_unknown_or_of_another_type_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        VERB.check(given)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert len(refused.value.message) < 100


@pytest.fixture
async def pair() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """Two ends of one connection: the daemon's and the client's."""
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in socket.socketpair())
    async with ours, theirs:
        yield ours, theirs


def connect(stream: trio.SocketStream, slots: Slots) -> ControlConnection:
    """Return a connection as it is when it was just accepted."""
    return ControlConnection(stream, Peer(pid=1, uid=0, gid=0), slots)


async def test_places_are_taken_and_given_back_once(pair: Any) -> None:
    slots = Slots(max_waiting=2, max_open=1)
    one, two, three = (connect(pair[0], slots) for _ in range(3))
    assert [one.has_place, two.has_place, three.has_place] == [True, True, False]
    assert (slots.waiting, slots.open) == (2, 0)
    one.stay_open()
    one.stay_open()
    assert (slots.waiting, slots.open) == (1, 1)
    with pytest.raises(Refusal) as refused:
        two.stay_open()
    assert refused.value.code == "LIMIT_REACHED"
    for each in (one, two, three):
        each.close_slot()
    assert (slots.waiting, slots.open) == (0, 0)


async def test_a_client_that_does_not_read_is_given_up(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_WITHIN_S", 0.05)
    with trio.fail_after(10), pytest.raises(trio.BrokenResourceError, match="does not read"):
        await connect(pair[0], Slots()).send(b"x" * (64 << 20))


async def test_waiting_for_the_end_drops_what_still_comes(pair: Any) -> None:
    ours, theirs = pair
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connect(ours, Slots()).wait_closed)
        await theirs.send_all(b"x" * 100_000)
        await theirs.aclose()


async def test_draining_ends_a_stream_at_once_and_leaves_who_has_taken_the_connection_over_to_end_it(
    pair: Any,
) -> None:
    stream, mcp = connect(pair[0], Slots()), connect(pair[0], Slots())
    for each in (stream, mcp):
        each.stay_open()
    draining = mcp.drain_by_itself()
    for each in (stream, mcp):
        each.drain()
        assert each.is_draining
    assert draining.is_set()
    assert stream.scope.cancel_called
    assert not mcp.scope.cancel_called


async def test_draining_lets_an_answer_finish_and_an_idle_client_ask_once_more(pair: Any) -> None:
    busy, idle = connect(pair[0], Slots()), connect(pair[0], Slots())
    idle.note_idle(True)
    for each in (busy, idle):
        each.drain()
    assert busy.scope.deadline == float("inf")
    assert trio.current_time() < idle.scope.deadline <= trio.current_time() + module.IDLE_S
    idle.note_idle(False)  # it has asked
    assert idle.scope.deadline == float("inf")
