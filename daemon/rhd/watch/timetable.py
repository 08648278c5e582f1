"""`Timetable`: keys that come due once a period, spread over it instead of all at once."""

from __future__ import annotations

import heapq
import math

_GOLDEN = (math.sqrt(5) - 1) / 2


class Timetable:
    """Each key keeps its own place in the period, so that a pause of the process does not bunch them up."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._added = 0

    def __contains__(self, key: str) -> bool:
        return key in self._due

    @property
    def next_due(self) -> float:
        """When the next key comes due; infinity if there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def add(self, key: str, now: float) -> None:
        """Make `key` due within a period from now, and once a period from then on; nothing if it is already."""
        if key in self._due:
            return
        # Multiples of the golden ratio fill a period evenly however many there are.
        self._added += 1
        self._schedule(key, now + self._period_s * (self._added * _GOLDEN % 1))

    def remove(self, key: str) -> None:
        """Remove `key`."""
        self._due.pop(key, None)

    def take_due(self, now: float) -> list[str]:
        """Return the keys that have come due since they were returned last, each once however late it is."""
        keys = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) != due:
                continue
            keys.append(key)
            missed = math.floor((now - due) / self._period_s)
            self._schedule(key, due + self._period_s * (missed + 1))
        return keys

    def _schedule(self, key: str, due: float) -> None:
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
