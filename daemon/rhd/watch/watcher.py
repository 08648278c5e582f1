"""`Watcher`: the thread that looks, again and again, and carries out what others ask for in between."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import trio

from rhd.watch.arming import Arming, Policy
from rhd.watch.filesystems import read_mounts
from rhd.watch.hints import Mode, Why
from rhd.watch.outbox import Outbox
from rhd.watch.shard import NATIVE, Notify

BRISK_S, CALM_S, LAZY_S = 0.008, 0.020, 0.100
"""Shortest and longest pause between looks, and the longest while nobody listens. A look out of a pause wakes a core,
which takes 10 us on bare metal and 80 in a virtual machine: at the longest pause that is the whole load of an idle
watcher."""

QUIET = 200
"""The pause is this fraction of the time since the last change: where there was one there are more."""

BUSY_S = 0.001
"""Between two constructors. Both hold the GIL, and the event loop gets it only if nobody asks for it for a moment."""

CHORES_S = 0.25
"""Between checks of clocks and timers. On a core that was asleep every line costs ten times what it does otherwise."""

LATE_S = 0.050
"""A look this late may be the first after a stop. A reader that has to catch up is asked at once how much it is behind:
later, with sleeps among its work, it is less clear."""

HURRY_S = 0.050
"""For so long after a late look, the next one follows at once."""

PAUSE_S = 1.0
"""Chores this late mean that the process stood still, and that the kernel may have dropped events meanwhile."""


class Arm(NamedTuple):
    """Watch these folders of a root; `done` is set once they are watched or the root is polled."""

    root_id: str
    path: str
    folders: frozenset[str]
    done: trio.Event


class Disarm(NamedTuple):
    """Watch a root no longer."""

    root_id: str


class Clocks(NamedTuple):
    """The clock that timers keep, and one that goes on while the machine sleeps."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class Watcher:
    """`run` and `turn` are for one thread; the rest may be called from any."""

    def __init__(
        self,
        outbox: Outbox,
        policy: Policy,
        *,
        notify: Notify = NATIVE,
        mounts: Callable[[], Mapping[str, str]] = read_mounts,
        clocks: Clocks | None = None,
    ) -> None:
        self._outbox = outbox
        self._clocks = clocks or Clocks()
        self._orders: queue.SimpleQueue[Arm | Disarm | None] = queue.SimpleQueue()
        self._is_heeded: Callable[[], object] = lambda: True
        self._chores_s = min(CHORES_S, policy.poll_s / 8, policy.reconcile_s / 8, policy.retry_s / 8)
        self._chores_at = self._changed_at = self._hurry_until = self._clocks.monotonic()
        self._wall = self._clocks.wall()
        self._arming = Arming(outbox, policy, now=self._changed_at, notify=notify, mounts=mounts)

    @property
    def watches(self) -> int:
        """Kernel watches in use."""
        return self._arming.watches

    @property
    def instances(self) -> int:
        """Inotify instances in use."""
        return self._arming.instances

    def polled(self) -> dict[str, Why]:
        """Return the ids of the polled roots, each with the reason."""
        return self._arming.polled()

    def refused(self) -> dict[str, tuple[str, ...]]:
        """Return the ids of the roots that are watched but for some folders, each with these."""
        return self._arming.refused()

    def mode(self, root_id: str) -> Mode:
        """Return how a root is watched now."""
        return self._arming.mode(root_id)

    def heeded_by(self, is_heeded: Callable[[], object]) -> None:
        """Ask, before each pause and in this thread, whether anybody listens."""
        self._is_heeded = is_heeded

    def ask(self, order: Arm | Disarm) -> None:
        """Have an order carried out soon, after those before it."""
        self._orders.put(order)

    def stop(self) -> None:
        """Make `run` return soon."""
        self._orders.put(None)

    def run(self) -> None:
        """Watch until `stop`, blocking; then let everybody go who waits."""
        self._chores_at, self._wall = self._clocks.monotonic(), self._clocks.wall()
        try:
            while self.turn(self.pause()):
                pass
        finally:
            self._arming.close()
            self._outbox.post()

    def turn(self, timeout_s: float = 0.0) -> bool:
        """Wait so long for orders, carry them out, look once at everything, and arm or tidy one shard's worth.

        Returns:
            False if it is to stop.
        """
        due = self._clocks.monotonic() + timeout_s
        if not self._obey(timeout_s):
            return False
        now = self._arming.now = self._clocks.monotonic()
        if now >= due + LATE_S:
            self._hurry_until = now + HURRY_S
        if now >= self._chores_at:
            self._do_chores(now)
        if self._arming.look():
            self._changed_at = now
        self._arming.step()
        self._outbox.post()
        return True

    def pause(self) -> float:
        """Return how long to wait for orders before the next look, in seconds."""
        if self._arming.has_work or self._arming.now < self._hurry_until:
            return BUSY_S
        quiet_s = 0.0 if self._arming.is_draining else self._arming.now - self._changed_at
        calm_s = CALM_S if self._is_heeded() else LAZY_S
        return min(max(quiet_s / QUIET, BRISK_S), calm_s, self._chores_s)

    def _obey(self, timeout_s: float) -> bool:
        try:
            order = self._orders.get(timeout=timeout_s)
            while order is not None:
                if isinstance(order, Arm):
                    self._arming.want(*order)
                else:
                    self._arming.forget(order.root_id)
                order = self._orders.get_nowait()
        except queue.Empty:
            return True
        return False

    def _do_chores(self, now: float) -> None:
        wall = self._clocks.wall()
        if max(now - self._chores_at, wall - self._wall - self._chores_s) >= PAUSE_S:
            self._arming.distrust()
        self._wall = wall
        self._chores_at = now + self._chores_s
        self._arming.keep_timers()
