"""A request's body on its way to the app."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from rhd.asgi import Message
from rhd.web.serving.exchange import UNREAD_BYTES, Exchange


class Invitations:
    """Counts how often the client was asked for the body."""

    count = 0

    async def __call__(self) -> None:
        self.count += 1
        await trio.lowlevel.checkpoint()  # a write happens here


@pytest.fixture
def invitations() -> Invitations:
    return Invitations()


@pytest.fixture
def exchange(invitations: Invitations) -> Exchange:
    async def send(message: Message) -> None:
        raise AssertionError("not sent to here")

    return Exchange({"type": "http"}, send, invitations)


def body(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


DISCONNECT = {"type": "http.disconnect"}


async def test_what_waits_comes_as_one(exchange: Exchange) -> None:
    await exchange.put(body(b"a"))
    await exchange.put(body(b"b"))
    assert await exchange.receive() == body(b"ab")
    await exchange.put(body(b"c"))
    await exchange.put(body(b"", more=False))
    assert await exchange.receive() == body(b"c", more=False)


async def test_an_empty_body_is_told_once_and_then_the_disconnect(exchange: Exchange) -> None:
    await exchange.put(body(b"", more=False))
    assert await exchange.receive() == body(b"", more=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.put, DISCONNECT)
        assert await exchange.receive() == DISCONNECT
    assert await exchange.receive() == DISCONNECT


@pytest.mark.parametrize("rounds", range(20))
async def test_nothing_that_comes_while_receive_begins_to_wait_is_missed(exchange: Exchange, rounds: int) -> None:
    """The invitation writes, and the body may come meanwhile. (trio schedules at random, so try often.)"""
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.put, body(b"late"))
            assert (await exchange.receive())["body"] == b"late"


async def test_the_body_is_invited_only_if_it_is_not_there(exchange: Exchange, invitations: Invitations) -> None:
    await exchange.put(body(b"a"))
    await exchange.receive()
    assert invitations.count == 0
    await exchange.put(body(b"", more=False))
    await exchange.receive()
    assert invitations.count == 0


async def test_a_large_body_waits_until_it_is_read(exchange: Exchange) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.put, body(bytes(UNREAD_BYTES + 1)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        await exchange.receive()
        with trio.fail_after(5):
            while nursery.child_tasks:
                await trio.lowlevel.checkpoint()


async def test_whoever_waits_to_put_is_let_go_when_the_exchange_is_over(exchange: Exchange) -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.put, body(bytes(UNREAD_BYTES + 1)))
            await trio.testing.wait_all_tasks_blocked()
            await exchange.put(DISCONNECT)
    assert exchange.is_over


async def test_whoever_waits_to_put_is_let_go_when_the_exchange_is_cancelled(exchange: Exchange) -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.put, body(bytes(UNREAD_BYTES + 1)))
            await trio.testing.wait_all_tasks_blocked()
            exchange.cancel()
    assert exchange.is_cancelled


async def test_an_exchange_that_is_over_is_not_cancelled(exchange: Exchange) -> None:
    await exchange.put(DISCONNECT)
    exchange.cancel()
    assert not exchange.is_cancelled


async def test_that_it_is_over_never_waits_for_an_app_that_does_not_read(exchange: Exchange) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.put, body(bytes(UNREAD_BYTES + 1)))
        await trio.testing.wait_all_tasks_blocked()
        putting = exchange.put(DISCONNECT)
        with pytest.raises(StopIteration):
            putting.send(None)
