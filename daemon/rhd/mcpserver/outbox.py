"""`Outbox`: what one listener is still to be told. Coalesces, so that it is bounded and never makes anybody wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

import trio

from rhd.ids import RepoId

PING_S = 15.0
"""How long a stream is silent at most; tunnels hang up after 100 s."""


@dataclass(frozen=True, slots=True)
class Event:
    """One notification to come: `what` is `updated` (with the resource and its repository), `resources` or `tools`."""

    what: str
    uri: str | None = None
    repo_id: RepoId | None = None


RESOURCES, TOOLS = Event("resources"), Event("tools")


class Outbox:
    """Pending events of one listener, each at most once, in order of first mention.

    `put` never waits. The listener's own task sends; while it is stuck in a client that does not read, what is
    pending grows to one entry per subscribed resource and no further.
    """

    def __init__(self) -> None:
        self._pending: dict[Event, None] = {}
        self._wake = trio.Event()
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether everything was sent."""
        return not self._pending

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._is_closed

    def put(self, event: Event) -> None:
        """Note an event; one that is already pending is not noted twice."""
        if not self._is_closed:
            self._pending[event] = None
            self._wake.set()

    def keep(self, is_due: Callable[[Event], bool]) -> None:
        """Forget what is pending and no longer due."""
        self._pending = {event: None for event in self._pending if is_due(event)}

    def close(self) -> None:
        """Let `run` return once what is pending is sent."""
        self._is_closed = True
        self._wake.set()

    async def run(
        self, send: Callable[[Event], Awaitable[None]], ping: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Send events until the box is closed and empty, or `send` raises; `ping` when there was none for `PING_S`."""
        while True:
            while self._pending:
                event = next(iter(self._pending))
                del self._pending[event]  # before sending: what changes meanwhile is told again
                try:
                    await send(event)
                except BaseException:
                    self._pending.setdefault(event)  # it was not told
                    raise
            if self._is_closed:
                return
            with trio.move_on_after(inf if ping is None else PING_S) as waiting:
                await self._wake.wait()
                self._wake = trio.Event()
            if waiting.cancelled_caught and ping is not None:
                await ping()
