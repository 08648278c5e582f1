"""`FairQueue`: strangers take turns, and between two of them the loop belongs to everybody else.

Whoever has shown no token may ask as fast as the network carries; what a working client notices of that is bounded
here and nowhere else: one stranger's request is worked on at a time, and after each one twice as long as it took is
left to others. Nobody is refused, and nobody is told apart: an address means nothing behind a tunnel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import trio

PAUSE = 2.0
"""How long the loop is left to others after a turn, as a multiple of the turn."""
LEAST_S = 0.001
"""What a turn costs at least: the server's own work around a request is not seen from here."""

_turn: ContextVar[_Turn | None] = ContextVar("_turn", default=None)


class _Turn:
    __slots__ = ("_began", "_is_over", "_turns")

    def __init__(self, turns: FairQueue) -> None:
        self._turns = turns
        self._began = trio.current_time()
        self._is_over = False

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        now = trio.current_time()
        self._turns.next_at = now + self._turns.pause * max(now - self._began, LEAST_S)
        self._turns.free.release()


class FairQueue:
    """First come, first served."""

    def __init__(self, pause: float = PAUSE) -> None:
        self.pause = pause
        # A semaphore, for a turn may be ended by a task that its first one started.
        self.free = trio.Semaphore(1, max_value=1)
        self.next_at = 0.0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Have a turn, once those who came before have had theirs. Nothing in it may wait for the other side."""
        await self.free.acquire()
        try:
            await trio.sleep_until(self.next_at)
        except BaseException:
            self.free.release()
            raise
        turn = _Turn(self)
        before = _turn.set(turn)
        try:
            yield
        finally:
            _turn.reset(before)
            turn.end()


def step_aside() -> None:
    """End the turn that this request has, if it has one: it is about to wait."""
    if (turn := _turn.get()) is not None:
        turn.end()
