"""`Wakeup`: an event that can be set again and again, for one task that waits for work."""

from __future__ import annotations

import trio


class Wakeup:
    """Wakes one task. A call of `set` while the task works is seen at its next `wait`, so that none is missed."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake the task, now or at its next `wait`. Never waits."""
        self._event.set()

    def clear(self) -> None:
        """Forget the calls of `set` so far: the task looks for all of its work after this."""
        self._event = trio.Event()

    async def wait(self) -> None:
        """Return at the first `set` since the last `wait` or `clear`. Cancelling keeps a `set` for the next `wait`."""
        await self._event.wait()
        self.clear()
