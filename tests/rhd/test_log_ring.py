from __future__ import annotations

import logging
import threading

import pytest

from rhd.log_ring import MAX_LINE_CHARS, MAX_LINES, LogRing
from rhd.logs import JsonFormat


@pytest.fixture
def ring() -> LogRing:
    ring = LogRing()
    ring.setFormatter(JsonFormat())
    return ring


def say(ring: LogRing, text: str, level: int = logging.INFO) -> None:
    ring.handle(logging.LogRecord("rhd.x", level, "", 0, text, (), None))


def test_the_newest_lines_are_kept_with_their_numbers(ring: LogRing) -> None:
    for number in range(MAX_LINES + 5):
        say(ring, f"line-{number}")
    lines, last = ring.since(0)
    assert (len(lines), last) == (MAX_LINES, MAX_LINES + 5)
    assert lines[0][0] == 6
    assert [line["message"] for _, line in ring.since(last - 1)[0]] == [f"line-{MAX_LINES + 4}"]


def test_lines_below_a_level_are_left_out(ring: LogRing) -> None:
    say(ring, "little")
    say(ring, "much", logging.ERROR)
    assert [line["message"] for _, line in ring.since(0, logging.WARNING)[0]] == ["much"]


def test_a_long_line_is_cut(ring: LogRing) -> None:
    say(ring, "x" * 10 * MAX_LINE_CHARS)
    ((_, line),) = ring.since(0)[0]
    assert len(line["message"]) < MAX_LINE_CHARS
    assert line["message"].endswith("…")


def test_each_line_pokes_in_the_thread_that_logs(ring: LogRing) -> None:
    poked: list[int] = []
    with ring.poking(lambda: poked.append(threading.get_ident())):
        thread = threading.Thread(target=say, args=(ring, "x"))
        thread.start()
        thread.join()
    say(ring, "y")
    assert poked == [thread.ident]
