"""Counters and histograms of what the daemon does: plain numbers, which `rhctl metrics` renders."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence

import trio

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The upper bounds of the histograms' buckets, in seconds."""


class Histogram:
    """How often a duration fell into each bucket.

    Attributes:
        counts: one for each of `SECONDS`, then one for what is longer.
        sum: of all durations, in seconds.
    """

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds


class LoopMeter(trio.abc.Instrument):
    """Measures how long each pass of the event loop takes, which is how long anything else had to wait for it.

    It wakes the loop at no time of its own.
    """

    def __init__(self) -> None:
        self.passes = Histogram()
        self._began = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        """Begin a pass."""
        self._began = time.perf_counter()

    def before_io_wait(self, timeout: float) -> None:
        """End it."""
        self.passes.observe(time.perf_counter() - self._began)


class CallCounts:
    """How often each tool was called with which outcome and how long it took, and how often each event happened."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = {}
        self.seconds: dict[str, Histogram] = {}
        self.events: dict[tuple[str, str], int] = {}

    def add_call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count a call."""
        key = tool, outcome
        self.calls[key] = self.calls.get(key, 0) + 1
        found = self.seconds.get(tool)
        if found is None:
            found = self.seconds[tool] = Histogram()
        found.observe(seconds)

    def add_event(self, action: str, outcome: str, count: int) -> None:
        """Count an event."""
        key = action, outcome
        self.events[key] = self.events.get(key, 0) + count


def cumulative(counts: Sequence[int]) -> list[int]:
    """Return how many durations were at most as long as each bound, as Prometheus has it."""
    total, out = 0, []
    for count in counts:
        total += count
        out.append(total)
    return out
