"""`Quotas`: what one grant may take, so that it can neither fill the disk nor keep others waiting."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rhd.errors import Refusal
from rhd.mcpserver.callers import Caller

MAX_WAITS = 16
MAX_DOCUMENTS_A_DAY = 1000
MAX_BYTES_A_DAY = 64 * 1024 * 1024
DAY_S = 86400.0
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Day:
    """What a grant has written since its first write of the day."""

    began_at: float
    documents: int = 0
    written_bytes: int = 0


class Quotas:
    """Counts by grant, in memory: a client cannot restart the daemon."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: Counter[str] = Counter()
        self._days: dict[str, _Day] = {}

    @contextmanager
    def waiting(self, caller: Caller) -> Iterator[None]:
        """Count a call that waits for something to happen, for as long as the block lasts.

        Raises:
            Refusal: LIMIT_REACHED.
        """
        if not caller.is_owner and self._waits[caller.id] >= MAX_WAITS:
            raise Refusal(
                f"{MAX_WAITS} calls of this client are waiting already",
                code="LIMIT_REACHED",
                next_step="Let one of the waiting calls end, or call without wait_s.",
            )
        self._waits[caller.id] += 1
        try:
            yield
        finally:
            self._waits[caller.id] -= 1
            if not self._waits[caller.id]:
                del self._waits[caller.id]

    def take_document(self, caller: Caller, size_bytes: int) -> None:
        """Count a call that writes.

        Args:
            size_bytes: of its arguments.

        Raises:
            Refusal: LIMIT_REACHED; the message says which limit.
        """
        if caller.is_owner:
            return
        now = self._clock()
        day = self._days.get(caller.id)
        if day is None or now - day.began_at >= DAY_S:
            self._forget_old(now)
            day = self._days[caller.id] = _Day(now)
        if day.documents >= MAX_DOCUMENTS_A_DAY:
            raise _used_up(f"this client has made {MAX_DOCUMENTS_A_DAY} writes within a day")
        if day.written_bytes + size_bytes > MAX_BYTES_A_DAY:
            raise _used_up(f"this client has written {MAX_BYTES_A_DAY // 1024**2} MiB within a day")
        day.documents += 1
        day.written_bytes += size_bytes

    def _forget_old(self, now: float) -> None:
        if len(self._days) >= MAX_REMEMBERED:
            self._days = {who: day for who, day in self._days.items() if now - day.began_at < DAY_S}


def _used_up(message: str) -> Refusal:
    return Refusal(
        message,
        code="LIMIT_REACHED",
        next_step="Go on tomorrow, or ask the owner to let a local agent write: the limit is for clients over HTTP.",
    )
