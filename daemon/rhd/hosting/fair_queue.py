"""`FairQueue`: limits unauthenticated work to one request at a time, so that it cannot starve authenticated clients.

After each turn the loop is left to other work for a multiple of the time that the turn took. Turns are shared fairly
between lanes, by time: a lane is a kind of request, and a flood of dear requests of one kind does not delay the cheap
ones of another. Within a lane the connection that was served longest ago comes first, and one that never was before
all: a few thousand connections that ask again and again do not keep out one that comes for the first time. No request
is refused here, and addresses are not compared: behind a tunnel they mean nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from heapq import heapify, heappop, heappush

import trio

PAUSE = 2.0
"""How long the loop is left to others after a turn, as a multiple of it, while authenticated clients are active."""
IDLE_PAUSE = 0.25
"""The same while they are not."""
ACTIVE_S = 0.01
"""How long after its request an authenticated client still counts as active."""
LEAST_S = 0.001
"""What a turn costs at least: the server's own work around a request is not seen from here."""
MOST_S = 0.003
"""What a turn costs at most: other tasks run between its steps, and their time is not its own."""

MAX_LANES = 256
"""Lanes that are remembered while nothing waits in them."""
MAX_CONNECTIONS = 8192
"""Connections of which it is remembered when they were served."""

_turn: ContextVar[_Turn | None] = ContextVar("_turn", default=None)


class _Lane:
    """The requests of one kind that wait, and how much time those before them took."""

    __slots__ = ("used_s", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[int, int, trio.Event]] = []  # a heap: when served last, when come, what is set
        self.used_s = 0.0


class _Turn:
    __slots__ = ("_began", "_is_over", "_lane", "_queue")

    def __init__(self, queue: FairQueue, lane: _Lane) -> None:
        self._queue = queue
        self._lane = lane
        self._began = queue.clock()
        self._is_over = False

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._queue.note_turn(self._lane, min(max(self._queue.clock() - self._began, LEAST_S), MOST_S))


class FairQueue:
    """Hands out turns.

    Attributes:
        clock: by which a turn's cost is measured.
        next_at: when the next turn may begin, by trio's clock.
    """

    def __init__(
        self, pause: float = PAUSE, idle_pause: float | None = None, clock: Callable[[], float] = time.thread_time
    ) -> None:
        """Make a queue.

        Args:
            pause: after a turn, as a multiple of it, while authenticated clients are active.
            idle_pause: the same while they are not (default: as `pause`).
            clock: measures a turn (default: the processor's time of this thread, so that a machine on which other
                programs run does not make the turns rarer than they are).
        """
        self.clock = clock
        self.pause = pause
        self.idle_pause = pause if idle_pause is None else idle_pause
        self.next_at = 0.0
        self._active = 0
        self._active_until = 0.0
        self._is_taken = False
        self._lanes: dict[str, _Lane] = {}
        self._count = 0  # of requests, by which those that came and were served are put in order
        self._served: dict[tuple[str, object], int] = {}  # lane and connection -> when

    def begin_active(self) -> None:
        """Learn that the request of an authenticated client is being answered."""
        self._active += 1

    def end_active(self) -> None:
        """Learn that its answer has begun, or that there is none."""
        self._active -= 1
        self._active_until = trio.current_time() + ACTIVE_S

    @asynccontextmanager
    async def take(self, name: str = "", connection: object = None) -> AsyncIterator[None]:
        """Have a turn. Nothing in it may wait for the client.

        Args:
            name: of the lane.
            connection: what tells one connection from another; None if nothing does.
        """
        if len(self._lanes) > MAX_LANES:
            self._lanes = {name: lane for name, lane in self._lanes.items() if lane.waiting}
        lane = self._lanes.setdefault(name, _Lane())
        self._count += 1
        key = (name, connection)
        await self._wait_for_turn(lane, self._served.get(key, 0))
        if connection is not None:
            self._served.pop(key, None)
            self._served[key] = self._count
            if len(self._served) > MAX_CONNECTIONS:
                del self._served[next(iter(self._served))]
        turn = _Turn(self, lane)
        before = _turn.set(turn)
        try:
            yield
        finally:
            _turn.reset(before)
            turn.end()

    async def _wait_for_turn(self, lane: _Lane, served: int) -> None:
        if self._is_taken:
            if not lane.waiting:  # it has no claim to time that it did not want
                lane.used_s = max(lane.used_s, min((x.used_s for x in self._lanes.values() if x.waiting), default=0.0))
            event = trio.Event()
            place = (served, self._count, event)
            heappush(lane.waiting, place)
            try:
                await event.wait()
            except BaseException:
                if event.is_set():
                    self._hand_over()
                else:
                    lane.waiting.remove(place)
                    heapify(lane.waiting)
                raise
        self._is_taken = True
        try:
            await trio.sleep_until(self.next_at)
        except BaseException:
            self._hand_over()
            raise

    def note_turn(self, lane: _Lane, took_s: float) -> None:
        """Learn that a turn is over."""
        now = trio.current_time()
        lane.used_s += took_s
        self.next_at = now + (self.pause if self._active or now < self._active_until else self.idle_pause) * took_s
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the next turn to the lane that has used the least time."""
        lane = min((x for x in self._lanes.values() if x.waiting), key=lambda x: x.used_s, default=None)
        if lane is None:
            self._is_taken = False
        else:
            heappop(lane.waiting)[-1].set()


def step_aside() -> None:
    """End the turn that this request has, if it has one: it is about to wait."""
    if (turn := _turn.get()) is not None:
        turn.end()
