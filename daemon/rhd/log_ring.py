"""`LogRing`: the newest lines of the log, kept in memory for `rhctl logs`."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MAX_LINES = 1000
MAX_LINE_CHARS = 4000


class LogRing(logging.Handler):
    """Keeps the newest `MAX_LINES` lines as JSON. Threads may log while the loop reads.

    Attributes:
        last: the number of the newest line; they are counted from 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last = 0
        self._lines: deque[tuple[int, int, str]] = deque(maxlen=MAX_LINES)
        self._pokes: set[Callable[[], None]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; one that is too long to be kept is replaced by its first part."""
        line = self.format(record)
        if len(line) > MAX_LINE_CHARS:
            found = json.loads(line)
            line = json.dumps({**found, "message": found["message"][: MAX_LINE_CHARS // 8] + "…", "fields": {}})
        self.last += 1
        self._lines.append((self.last, record.levelno, line))
        for poke in list(self._pokes):
            poke()

    def since(self, number: int, level: int = 0) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """Return the lines after a number that are of this level or above, oldest first, and the newest line's number.

        Each line comes with its own number.
        """
        self.acquire()
        try:
            kept, last = list(self._lines), self.last
        finally:
            self.release()
        return [(n, json.loads(line)) for n, levelno, line in kept if n > number and levelno >= level], last

    @contextmanager
    def poking(self, poke: Callable[[], None]) -> Iterator[None]:
        """Have `poke` called at each line while the block lasts, in the thread that logs."""
        self._pokes.add(poke)
        try:
            yield
        finally:
            self._pokes.discard(poke)
