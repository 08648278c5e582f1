"""One JSON-RPC message a line, over a stream that tests hold the other end of."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
import pytest
import trio
from mcp.shared.message import SessionMessage
from trio.testing import MockClock, memory_stream_pair

from rhd.mcpserver import line_framing as lines
from rhd.mcpserver.line_framing import WRITE_WITHIN_S, line_streams


@dataclass
class Wire:
    """Both ends: a client's bytes and a server's messages."""

    client: Any
    messages: Any
    answers: Any

    async def read(self) -> Any:
        """Return the message that the server sees next."""
        return (await self.messages.receive()).message

    async def answer(self, number: int) -> None:
        """Answer a request."""
        answer = types.JSONRPCResponse(jsonrpc="2.0", id=number, result={})
        await self.answers.send(SessionMessage(answer))

    async def line(self) -> Any:
        """Return what the client reads next, as JSON; None at the end."""
        buffer = b""
        while not buffer.endswith(b"\n"):
            data = await self.client.receive_some(1)
            if not data:
                return None
            buffer += data
        return json.loads(buffer)


@asynccontextmanager
async def wired(rest: bytes = b"", draining: trio.Event | None = None) -> AsyncIterator[Wire]:
    client, server = memory_stream_pair()
    with trio.fail_after(20):
        async with server, line_streams(server, rest, draining) as (messages, answers):
            yield Wire(client, messages, answers)


def request(number: int, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping", "params": params}).encode() + b"\n"


async def test_what_was_read_before_comes_first_and_half_a_line_waits_for_the_rest() -> None:
    whole = request(1) + request(2)
    async with wired(whole[:30]) as wire:
        await wire.client.send_all(whole[30:70])
        await wire.client.send_all(whole[70:])
        assert [(await wire.read()).id for _ in range(2)] == [1, 2]


async def test_many_messages_of_one_read_come_in_order_and_blank_lines_are_none() -> None:
    async with wired() as wire:
        await wire.client.send_all(b"\n \r\n".join(request(number) for number in range(50)))
        assert [(await wire.read()).id for _ in range(50)] == list(range(50))


async def test_an_answer_is_one_line_without_what_was_not_set() -> None:
    async with wired() as wire:
        await wire.client.send_all(request(7))
        await wire.read()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.answer, 7)
            assert await wire.line() == {"jsonrpc": "2.0", "id": 7, "result": {}}


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"null", b"\xff\xfe", b'{"jsonrpc":"1.0"}', b"GET / HTTP/1.1", b"[" * 9000]
)
async def test_what_is_no_message_is_answered_and_the_next_one_is_heard(line: bytes) -> None:
    async with wired() as wire:
        await wire.client.send_all(line + b"\n")
        error = await wire.line()
        assert error["id"] is None
        assert error["error"]["code"] in (types.PARSE_ERROR, types.INVALID_REQUEST)
        await wire.client.send_all(request(1))
        assert (await wire.read()).id == 1


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":"ping"', 7),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":"\\ud800"}}', "a"),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":' + b"[" * 9000 + b"]" * 9000 + b"}", 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":[' + b"1," * 30_000 + b"1]}}", 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}', 7),
        (b'{"id":7,"method":"ping"}', 7),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', None),
    ],
)
async def test_a_request_that_cannot_be_served_is_answered_under_its_id(line: bytes, id_: str | int | None) -> None:
    async with wired() as wire:
        await wire.client.send_all(line + b"\n")
        error = await wire.line()
        assert error["id"] == id_
        assert error["error"]["message"]


async def test_a_byte_order_mark_is_passed_over() -> None:
    async with wired() as wire:
        await wire.client.send_all(b"\xef\xbb\xbf" + request(5))
        assert (await wire.read()).id == 5


async def test_a_line_without_end_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100_000)
    async with wired() as wire:
        await wire.client.send_all(b"x" * 200_000)
        with pytest.raises(anyio.EndOfStream):
            await wire.read()


async def test_the_longest_line_that_is_allowed_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100_000)
    async with wired() as wire:
        await wire.client.send_all(request(1, text="x" * 99_000))
        assert len((await wire.read()).params["text"]) == 99_000


async def test_a_client_that_leaves_ends_the_servers_stream() -> None:
    async with wired() as wire:
        await wire.client.send_all(request(1) + b'{"half')
        assert (await wire.read()).id == 1
        await wire.answer(1)
        await wire.line()
        await wire.client.aclose()
        with pytest.raises(anyio.EndOfStream):
            await wire.read()


async def test_a_client_that_has_said_its_last_word_is_answered_what_it_asked(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        await wire.client.send_all(request(1) + request(2))
        await wire.client.send_eof()
        for number in (1, 2):
            assert (await wire.read()).id == number
        await wire.answer(1)
        assert (await wire.line())["id"] == 1
        before = trio.current_time()
        with pytest.raises(anyio.EndOfStream):  # the second is not waited for any longer than is said
            await wire.read()
        assert trio.current_time() - before == pytest.approx(lines.LINGER_S)


async def test_a_subscription_is_nothing_to_wait_for_when_its_client_leaves(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        await wire.client.send_all(request(1).replace(b'"ping"', b'"subscriptions/listen"'))
        await wire.client.send_eof()
        await wire.read()
        before = trio.current_time()
        with pytest.raises(anyio.EndOfStream):
            await wire.read()
        assert trio.current_time() == before


async def test_a_client_that_does_not_read_is_given_up(autojump_clock: MockClock) -> None:
    async with wired_to_nowhere() as wire:
        await wire.answer(1)  # is taken, and then stuck in the client that does not read
        with pytest.raises((anyio.BrokenResourceError, anyio.ClosedResourceError)):
            await wire.answer(2)
    assert trio.current_time() >= WRITE_WITHIN_S


@asynccontextmanager
async def wired_to_nowhere() -> AsyncIterator[Wire]:
    class Stuck(trio.abc.HalfCloseableStream):
        async def send_all(self, data: Any) -> None:
            await trio.sleep_forever()

        async def wait_send_all_might_not_block(self) -> None:
            await trio.sleep_forever()

        async def send_eof(self) -> None:
            raise AssertionError

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            await trio.sleep_forever()
            raise AssertionError

        async def aclose(self) -> None:
            return None

    async with line_streams(Stuck()) as (messages, answers):
        yield Wire(None, messages, answers)


async def test_draining_ends_an_idle_connection_at_once() -> None:
    draining = trio.Event()
    async with wired(draining=draining) as wire:
        draining.set()
        await trio.sleep_forever()
    assert await wire.line() is None


async def test_draining_waits_for_every_request_that_was_read() -> None:
    draining = trio.Event()
    async with wired(draining=draining) as wire:
        await wire.client.send_all(request(1) + request(2))
        await wire.read()
        await wire.read()
        draining.set()
        await wire.answer(2)
        assert (await wire.line())["id"] == 2
        await trio.testing.wait_all_tasks_blocked()
        await wire.answer(1)
        await trio.sleep_forever()
    assert (await wire.line())["id"] == 1, "the answer is out before the end"
    assert await wire.line() is None


async def test_the_block_ends_with_the_connection_whatever_still_waits() -> None:
    async with wired() as wire:
        await wire.client.send_all(request(1) * 20)
        await wire.read()
    with pytest.raises((anyio.ClosedResourceError, anyio.EndOfStream)):
        await wire.read()
