"""`WatchHub`: the real `HintSource`, on watchfiles: one thread watches, hints are heard on trio's."""

from __future__ import annotations

from collections.abc import Callable

import trio

from rhd.watch.arming import Policy
from rhd.watch.hints import Listener, Mode, Usage
from rhd.watch.limits import advise, read_limits
from rhd.watch.outbox import Outbox
from rhd.watch.watcher import Arm, Disarm, Watcher


class WatchHub:
    """Implements `HintSource`. `arm` waits until `run` runs, which it does once.

    Args:
        policy: what is used, and how often.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._outbox = Outbox()
        self._watcher = Watcher(self._outbox, policy or Policy())
        self._listeners: dict[str, Listener] = {}
        self._limiter = trio.CapacityLimiter(1)
        self._posted = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Every thread and kernel object is gone when this returns."""
        token = trio.lowlevel.current_trio_token()
        self._outbox.open(lambda: token.run_sync_soon(self._ring, idempotent=True))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_when_cancelled)
            nursery.start_soon(self._deliver)
            task_status.started()
            await trio.to_thread.run_sync(self._watcher.run, thread_name="rhd-watch", limiter=self._limiter)

    def heeded_by(self, is_heeded: Callable[[], object]) -> None:
        """Look less often while `is_heeded` says that nobody waits to hear of a change; called in another thread."""
        self._watcher.heeded_by(is_heeded)

    def listen(self, root_id: str, listener: Listener) -> None:
        """Give the hints of a root to `listener` from now on; it replaces an earlier one."""
        self._listeners[root_id] = listener

    async def arm(self, root_id: str, path: str, folders: frozenset[str]) -> None:
        """Watch exactly these folders of a root from now on. See `HintSource.arm`."""
        done = trio.Event()
        self._watcher.ask(Arm(root_id, path, folders, done))
        await done.wait()

    def disarm(self, root_id: str) -> None:
        """Watch a root no longer; its listener hears nothing more."""
        self._listeners.pop(root_id, None)
        self._watcher.ask(Disarm(root_id))

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""
        return self._watcher.mode(root_id)

    def usage(self) -> Usage:
        """Return what watching takes now, and what is allowed."""
        limits = read_limits()
        watches, instances = self._watcher.watches, self._watcher.instances
        polled = self._watcher.polled()
        advice = advise(limits, watches=watches, instances=instances, refused=set(polled.values()))
        return Usage(watches, instances, *limits, polled, advice, self._watcher.refused())

    def _ring(self) -> None:
        self._posted.set()

    async def _deliver(self) -> None:
        while True:
            await self._posted.wait()
            self._posted = trio.Event()
            hints, settled = self._outbox.take()
            for hint in hints:
                if (listener := self._listeners.get(hint.root_id)) is not None:
                    listener(*hint)
            for event in settled:
                event.set()

    async def _stop_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._watcher.stop()
