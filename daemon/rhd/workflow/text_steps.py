"""Works on long texts in steps of bounded time, so that no text holds the interpreter.

A regular expression keeps the interpreter's lock for as long as it searches, and one line of an artifact may be
4 MiB. So a search runs over a window of a few thousand characters at a time. Threads that work on long texts take
turns: one at a time has the processor beside the event loop, and it pauses between steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")

STEP_CHARS = 16 << 10
BEFORE_CHARS, AFTER_CHARS = 512, 4 << 10
_WORK_S, _PAUSE_S = 0.001, 0.0002
"""How long steps follow each other without a pause. A pause lets the event loop take the interpreter's lock."""

_turn = Lock()


class Window(NamedTuple):
    """A piece of a text with the context that a search needs.

    Attributes:
        text: the piece.
        start: where it begins in the whole text.
        begin: from here in the piece, what begins belongs to this window and to no other.
        end: up to here.
        is_cut: whether the whole text goes on behind it.
    """

    text: str
    start: int
    begin: int
    end: int
    is_cut: bool


def windows(text: str) -> Iterator[Window]:
    """Yield windows whose parts from `begin` to `end` cover the text once; one window for a text of usual length."""
    if len(text) <= STEP_CHARS + AFTER_CHARS:
        yield Window(text, 0, 0, len(text), is_cut=False)
        return
    for at in range(0, len(text), STEP_CHARS):
        start = max(0, at - BEFORE_CHARS)
        piece = text[start : at + STEP_CHARS + AFTER_CHARS]
        is_cut = start + len(piece) < len(text)
        yield Window(piece, start, at - start, at - start + STEP_CHARS, is_cut=is_cut)


def in_turns(text: str, job: Callable[[T], R], steps: Iterable[T]) -> Iterator[R]:
    """Yield what `job` returns of each step of work on `text`.

    Threads that work on long texts take turns, and pause between steps. A text of usual length waits for no turn: the
    event loop redacts titles and names itself, and must not wait for a thread.
    """
    if len(text) <= STEP_CHARS + AFTER_CHARS:
        yield from map(job, steps)
        return
    rested_at = time.monotonic()
    for step in steps:
        if time.monotonic() - rested_at > _WORK_S:
            time.sleep(_PAUSE_S)
            rested_at = time.monotonic()
        with _turn:
            done = job(step)
        yield done
