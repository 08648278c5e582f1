"""MCP over a byte stream: one JSON-RPC message a line, as the SDK's stdio framing has it.

The framing works unchanged over a Unix socket (2026-07-28, basic/transports/stdio).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import mcp_types as types
import trio
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from rhd.mcpserver.refused_messages import BOM, has_too_many_values, has_unusable_id, refusal_of, refusal_of_size
from rhwire.line_buffer import LineBuffer

MAX_LINE_BYTES = 4 << 20
WRITE_WITHIN_S = 30.0

LINGER_S = 3.0
"""How long a client that has closed its side is still answered what it asked before: scripts pipe their requests in."""

_ENDLESS = "subscriptions/listen"


@asynccontextmanager
async def line_streams(
    stream: trio.abc.Stream, rest: bytes = b"", draining: trio.Event | None = None
) -> AsyncIterator[tuple[Any, Any]]:
    """Yield the pair of streams that the SDK reads messages from and writes them to.

    A line that is no message is answered with an error, under its id if that can be read. One that is too long, or a
    client that does not read, ends the connection: the SDK then sees the end of its stream.

    Args:
        stream: the connection.
        rest: what of it was read already.
        draining: once set, the connection ends as soon as every request that was read is answered; subscriptions have
            no answer to wait for.
    """
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    lock = trio.Lock()
    unanswered: set[str | int] = set()
    endless: set[str | int] = set()
    answered = trio.lowlevel.ParkingLot()

    async def write(line: bytes) -> None:
        async with lock:
            with trio.move_on_after(WRITE_WITHIN_S) as scope:
                await stream.send_all(line + b"\n")
            if scope.cancelled_caught:
                raise trio.BrokenResourceError("the client does not read")

    async def settle(request_id: str | int | None) -> None:
        unanswered.discard(request_id)
        endless.discard(request_id)
        answered.unpark_all()

    async def linger() -> None:
        with trio.move_on_after(LINGER_S):
            while unanswered - endless:
                await answered.park()

    async def read_lines() -> None:
        buffer = LineBuffer(rest)
        async with to_server:
            while True:
                while (found := buffer.take_line()) is None:
                    if len(buffer) > MAX_LINE_BYTES:
                        return
                    data = await stream.receive_some(65536)
                    if not data:
                        await linger()
                        return
                    buffer.feed(data)
                line = found.removeprefix(BOM)
                if not line.strip():
                    continue
                if has_too_many_values(line):
                    await write(refusal_of_size(line))
                    continue
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    await write(refusal_of(line))
                    continue
                if isinstance(message, types.JSONRPCNotification) and has_unusable_id(json.loads(line)):
                    await write(refusal_of(line))
                    continue
                if not isinstance(message, types.JSONRPCRequest):
                    await to_server.send(SessionMessage(message))
                    continue
                unanswered.add(message.id)
                if message.method == _ENDLESS:
                    endless.add(message.id)
                # A request that the client cancels is never answered: the SDK says so by this.
                metadata = ServerMessageMetadata(on_request_unanswered=partial(settle, message.id))
                await to_server.send(SessionMessage(message, metadata))

    async def write_lines() -> None:
        async with from_server:
            async for message in from_server:
                await write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode())
                if isinstance(message.message, types.JSONRPCResponse | types.JSONRPCError):
                    await settle(message.message.id)

    async def end_when_drained(nursery: trio.Nursery, draining: trio.Event) -> None:
        await draining.wait()
        while unanswered - endless:
            await answered.park()
        nursery.cancel_scope.cancel()

    async def until_broken(work: Any, nursery: trio.Nursery) -> None:
        try:
            await work()
        except (
            trio.BrokenResourceError,
            trio.ClosedResourceError,
            anyio.BrokenResourceError,
            anyio.ClosedResourceError,
        ):
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(until_broken, read_lines, nursery)
        nursery.start_soon(until_broken, write_lines, nursery)
        if draining is not None:
            nursery.start_soon(end_when_drained, nursery, draining)
        try:
            yield from_client, to_client
        finally:
            nursery.cancel_scope.cancel()
            for each in (to_server, from_client, to_client, from_server):
                each.close()
