"""Reads what an agent prints: line by line, bounded in every direction, at a pace that leaves the loop to others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import trio

from rhwire.line_buffer import LineBuffer

MAX_LINE_BYTES = 1 << 20
MAX_OUTPUT_BYTES = 64 << 20
CHUNK_BYTES = 64 << 10
BYTES_PER_S = 4 << 20
"""An agent that prints faster waits; each event costs the loop time, and others are served on the same one."""

ERRORS_BYTES = 8 << 10


async def read_events(
    stream: trio.abc.ReceiveStream,
    on_event: Callable[[Mapping[str, Any]], None],
    on_note: Callable[[str], None],
    on_overflow: Callable[[], None],
) -> None:
    """Read JSON lines until the stream ends; what is no JSON object is noted and passed over.

    Args:
        stream: the agent's standard output.
        on_event: called with each object.
        on_note: called with what is worth saying about other lines.
        on_overflow: called once, when more than `MAX_OUTPUT_BYTES` have come; the rest is dropped.
    """
    buffer, total, owed, is_skipping = LineBuffer(), 0, 0, False
    while data := await _receive(stream):
        total += len(data)
        if total > MAX_OUTPUT_BYTES:
            if total - len(data) <= MAX_OUTPUT_BYTES:
                on_overflow()
            continue
        buffer.feed(data)
        while (line := buffer.take_line()) is not None:
            if is_skipping or len(line) > MAX_LINE_BYTES:
                is_skipping = False
                on_note("a line of more than 1 MiB was passed over")
            else:
                _read_line(line, on_event, on_note)
        if len(buffer) > MAX_LINE_BYTES:
            is_skipping = True
            buffer.take_rest()
        owed += len(data)
        if owed >= CHUNK_BYTES:
            await trio.sleep(owed / BYTES_PER_S)
            owed = 0
    if not is_skipping and (rest := buffer.take_rest()):
        _read_line(rest, on_event, on_note)


async def read_end(stream: trio.abc.ReceiveStream, kept: bytearray) -> None:
    """Read a stream to its end; `kept` holds its last bytes."""
    while data := await _receive(stream):
        kept += data
        del kept[:-ERRORS_BYTES]
        await trio.sleep(len(data) / BYTES_PER_S)


async def _receive(stream: trio.abc.ReceiveStream) -> bytes | bytearray:
    try:
        return await stream.receive_some(CHUNK_BYTES)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""


def _read_line(line: bytes, on_event: Callable[[Mapping[str, Any]], None], on_note: Callable[[str], None]) -> None:
    if not line.strip():
        return
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if isinstance(event, dict):
        on_event(event)
    else:
        on_note(line[:200].decode("utf-8", "replace"))
