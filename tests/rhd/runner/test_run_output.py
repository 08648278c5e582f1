"""Reading what an agent prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_one_way_pair

from rhd.runner.run_output import ERRORS_BYTES, MAX_LINE_BYTES, MAX_OUTPUT_BYTES, read_end, read_events


async def read(*pieces: bytes) -> tuple[list[Mapping[str, Any]], list[str], int]:
    """Return events, notes and how often there was too much, of output that arrives in these pieces."""
    events: list[Mapping[str, Any]] = []
    notes: list[str] = []
    overflows: list[int] = []
    sender, receiver = memory_stream_one_way_pair()

    async def send() -> None:
        for piece in pieces:
            await sender.send_all(piece)
        await sender.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await read_events(receiver, events.append, notes.append, lambda: overflows.append(1))
    return events, notes, len(overflows)


@pytest.mark.parametrize(
    "pieces", [(b'{"a": 1}\n{"a": 2}\n',), (b'{"a"', b': 1}\n{"a": 2', b"}\n"), (b'{"a": 1}\n{"a": 2}',)]
)
async def test_lines_are_put_together_from_pieces(autojump_clock: MockClock, pieces: tuple[bytes, ...]) -> None:
    assert await read(*pieces) == ([{"a": 1}, {"a": 2}], [], 0)


async def test_what_is_no_object_is_noted_and_passed_over(autojump_clock: MockClock) -> None:
    events, notes, _ = await read(b"warning\n[1]\n\n\xff\xfe\n" + b"[" * 100_000 + b'\n{"a": 1}\n')
    assert events == [{"a": 1}]
    assert notes[:3] == ["warning", "[1]", "��"]
    assert len(notes) == 4


@pytest.mark.parametrize("size", [MAX_LINE_BYTES + 1, 8 << 20])
async def test_a_line_that_is_too_long_is_passed_over(autojump_clock: MockClock, size: int) -> None:
    events, notes, _ = await read(b"x" * size, b'\n{"a": 1}\n')
    assert (events, notes) == ([{"a": 1}], ["a line of more than 1 MiB was passed over"])


async def test_too_much_is_told_once_and_dropped(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhd.runner.run_output.MAX_OUTPUT_BYTES", MAX_OUTPUT_BYTES // 64)
    block = b'{"a": 1}\n' * 10_000
    pieces = [block] * (MAX_OUTPUT_BYTES // 64 // len(block) + 3)
    events, _, overflows = await read(*pieces)
    assert overflows == 1
    assert len(events) * 9 <= MAX_OUTPUT_BYTES // 64


async def test_of_standard_error_the_end_is_kept(autojump_clock: MockClock) -> None:
    sender, receiver = memory_stream_one_way_pair()
    kept = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_end, receiver, kept)
        await sender.send_all(b"x" * 100_000 + b"the end")
        await sender.aclose()
    assert len(kept) == ERRORS_BYTES
    assert kept.endswith(b"xthe end")
