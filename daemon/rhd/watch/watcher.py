"""`Watcher`: the thread that looks at the shards, keeps the timers and decides how each root is watched."""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

import trio

from rhd.watch.filesystems import lacks_events, read_mounts
from rhd.watch.fleet import Fleet
from rhd.watch.hints import Mode, Via, Why
from rhd.watch.limits import read_limits
from rhd.watch.outbox import Outbox
from rhd.watch.roots import Root, Roots
from rhd.watch.shard import NATIVE, CannotWatch, FolderGone, NoMoreInstances, NoMoreWatches, Notify, Shard
from rhd.watch.timetable import Timetable

CALM_S = 0.025
"""Between looks while nothing happens; half of it is the delay of a change out of the blue. Each look wakes a core,
which takes 10 us on bare metal and 80 in a virtual machine: this is the whole load of an idle watcher."""

BRISK_S = 0.008
"""Between looks for a while after a change: where there was one there are more."""

BRISK_FOR_S = 5.0

BUSY_S = 0.001
"""Between two constructors. Both hold the GIL, and the event loop gets it only if nobody asks for it for a moment."""

PAUSE_S = 1.0
"""A look this late means that the process stood still, and that the kernel may have dropped events meanwhile."""

HEAVY = 8
"""A burst of this fraction of what the kernel queues may have been more: several events make one change, a dropped
one makes none, and nothing says so."""

QUEUED_EVENTS = 16384
MAX_TRIES = 20


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
    """All of it is for one thread, the one that calls `run`, but `ask`, `stop` and what only returns figures.

    Wherever events of a root may have been missed, its folders are watched anew and then everything of it is
    hinted, in this order: what was missed is found by the look that follows, and what comes later by an event.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        events: bool = True,
        polling: bool = True,
        reconcile_s: float = 60.0,
        poll_s: float = 2.0,
        notify: Notify = NATIVE,
        mounts: Callable[[], Mapping[str, str]] = read_mounts,
        clocks: Clocks | None = None,
    ) -> None:
        self._outbox = outbox
        self._has_events = events
        self._has_polling = polling
        self._reconcile_s = reconcile_s
        self._calm_s = min(CALM_S, poll_s, reconcile_s)
        self._mounts = mounts
        self._clocks = clocks or Clocks()
        self._now, self._wall = self._clocks.monotonic(), self._clocks.wall()
        self._heavy = (read_limits().queued_events or QUEUED_EVENTS) // HEAVY
        self._orders: queue.SimpleQueue[Arm | Disarm | None] = queue.SimpleQueue()
        self._roots = Roots()
        self._fleet = Fleet(notify=notify)
        self._polls = Timetable(poll_s)
        self._reconciles = Timetable(reconcile_s)
        self._unarmed: dict[str, Root] = {}
        self._crowded_out: dict[str, Root] = {}
        self._suspects: deque[list[Root]] = deque()
        self._brisk_until = 0.0
        self._tidy_at = 0.0

    @property
    def watches(self) -> int:
        """Kernel watches in use."""
        return self._fleet.watches

    @property
    def instances(self) -> int:
        """Inotify instances in use."""
        return self._fleet.instances

    def polled(self) -> dict[str, Why]:
        """Return the ids of the polled roots, each with the reason."""
        return {root.id: root.polled for root in self._roots if root.polled is not None}

    def mode(self, root_id: str) -> Mode:
        """Return how a root is watched now."""
        root = self._roots.get(root_id)
        if root is None:
            return "off"
        if root.polled is not None:
            return "poll" if self._has_polling else "off"
        return "events" if root.is_armed else "off"

    def ask(self, order: Arm | Disarm) -> None:
        """Have an order carried out soon, after those before it. From any thread."""
        self._orders.put(order)

    def stop(self) -> None:
        """Make `run` return soon. From any thread."""
        self._orders.put(None)

    def run(self) -> None:
        """Watch until `stop`, blocking; then let everybody go who waits."""
        self._now, self._wall = self._clocks.monotonic(), self._clocks.wall()
        try:
            while self.turn(self._pause()):
                pass
        finally:
            self._fleet.close()
            for root in self._roots:
                self._release(root)
            self._outbox.post()

    def turn(self, timeout_s: float = 0.0) -> bool:
        """Wait so long for orders; then see to clocks, timers and shards, and arm or tidy one shard's worth.

        Returns:
            False if it is to stop.
        """
        if not self._obey(timeout_s):
            return False
        self._read_clocks()
        self._keep_timers()
        self._look()
        if not self._fleet.is_draining:
            self._unarmed.update(self._crowded_out)
            self._crowded_out.clear()
        if self._suspects:
            self._arm(self._suspects.popleft(), suspect_until=self._now + self._reconcile_s)
        elif self._unarmed:
            self._arm(self._take_unarmed())
        else:
            self._tidy()
        self._outbox.post()
        return True

    def _pause(self) -> float:
        if self._unarmed or self._suspects:
            return BUSY_S
        if self._fleet.is_draining or self._now < self._brisk_until:
            return min(BRISK_S, self._calm_s)
        return self._calm_s

    # -- what others ask for

    def _obey(self, timeout_s: float) -> bool:
        try:
            order = self._orders.get(timeout=timeout_s)
            while order is not None:
                if isinstance(order, Arm):
                    self._want(order)
                elif (root := self._roots.get(order.root_id)) is not None:
                    self._forget(root)
                order = self._orders.get_nowait()
        except queue.Empty:
            return True
        return False

    def _want(self, order: Arm) -> None:
        path = order.path.rstrip("/")
        root = self._roots.get(order.root_id)
        if root is not None and root.path != path:
            self._forget(root)
            root = None
        if root is None:
            root = Root(order.root_id, path)
        self._fleet.drop(self._roots.put(root, order.folders))
        self._reconciles.add(root.id, self._now)
        root.waiting.append(order.done)
        if root.polled is None:
            self._unarmed[root.id] = root
        else:
            self._release(root)

    def _forget(self, root: Root) -> None:
        self._fleet.drop(self._roots.remove(root))
        self._reconciles.remove(root.id)
        self._polls.remove(root.id)
        self._release(root)

    # -- what may have changed

    def _read_clocks(self) -> None:
        now, wall = self._clocks.monotonic(), self._clocks.wall()
        pause = max(now - self._now, wall - self._wall)
        self._now, self._wall = now, wall
        if pause < PAUSE_S:
            return
        for root in self._roots:
            if root.polled is None:
                self._rearm(root, "clock")
            elif self._has_polling:
                self._outbox.hint(root.id, None, "clock")

    def _keep_timers(self) -> None:
        for root_id in self._polls.take_due(self._now):
            root = self._roots[root_id]
            if self._has_polling:
                self._outbox.hint(root_id, None, "poll")
            if root.polled == "missing":
                self._unarmed[root_id] = root
        for root_id in self._reconciles.take_due(self._now):
            root = self._roots[root_id]
            if root.polled == "died":
                self._suspects.append([root])
                continue
            if root.polled is None and self._has_polling:
                root.owe(None, "reconcile")
            self._unarmed[root_id] = root

    def _look(self) -> None:
        for look in list(self._fleet.look()):
            if look.batch is None:
                self._bury(look.shard)
                continue
            meaning = self._roots.interpret(look.batch)
            for root, folders in meaning.folders.items():
                self._outbox.hint(root.id, folders, "event")
                self._brisk_until = self._now + BRISK_FOR_S
            for root, paths in meaning.upset.items():
                self._fleet.drop(paths)
                root.owe(frozenset(root.wanted[p] for p in paths), "event")
                self._unarmed[root.id] = root
            self._weigh(look.shard, len(look.batch))

    def _weigh(self, shard: Shard, changes: int) -> None:
        """Take a burst of changes for an overflow if it is a heavy one: hint meanwhile, watch anew when it is over."""
        before = shard.heavy
        shard.heavy = before + changes if changes else 0
        is_over = not changes and before >= self._heavy
        for root in self._wanting(shard) if is_over or shard.heavy // self._heavy > before // self._heavy else ():
            if is_over:
                self._rearm(root, "overflow")
            else:
                self._outbox.hint(root.id, None, "overflow")

    def _bury(self, shard: Shard) -> None:
        """Watch anew what a dead shard watched, in ever smaller companies, until who kills shards is alone."""
        roots = self._wanting(shard)
        for root in roots:
            root.owe(None, "restart")
        if shard.suspect_until <= self._now:
            self._suspects.append(roots)
        elif len(roots) == 1:
            self._poll(roots[0], "died")
        else:
            half = len(roots) // 2
            self._suspects.extend((roots[:half], roots[half:]))

    def _wanting(self, shard: Shard) -> list[Root]:
        return [root for root in self._roots.wanting(shard.paths) if root.polled is None]

    # -- how each root is watched

    def _rearm(self, root: Root, via: Via) -> None:
        self._fleet.drop(root.wanted)
        for each in dict.fromkeys((root, *self._roots.wanting(root.wanted))):
            each.owe(None, via)
            self._unarmed[each.id] = each

    def _take_unarmed(self) -> list[Root]:
        taken: list[Root] = []
        room = self._fleet.chunk
        for root in list(self._unarmed.values()):
            room -= len(self._missing(root))
            if taken and room < 0:
                break
            taken.append(self._unarmed.pop(root.id))
        return taken

    def _arm(self, roots: list[Root], *, suspect_until: float = 0.0) -> None:
        mounts: Mapping[str, str] | None = None
        able = []
        for root in roots:
            missing = self._missing(root)
            if self._roots.get(root.id) is not root:
                continue  # forgotten meanwhile
            if not missing:
                self._settle(root)
            elif not self._has_events:
                self._poll(root, "disabled")
            elif lacks_events(missing, mounts := mounts or self._mounts()):
                self._poll(root, "filesystem")
            else:
                able.append(root)
        if able:
            self._add(able, suspect_until)

    def _add(self, roots: list[Root], suspect_until: float) -> None:
        present = {path for root in roots for path in self._missing(root) if os.path.isdir(path)}
        try:
            if present:
                self._fleet.add(sorted(present)[: self._fleet.chunk], self._now, suspect_until=suspect_until)
        except CannotWatch as error:
            if len(roots) == 1:
                self._give_up(roots[0], error)
                return
            half = len(roots) // 2
            self._add(roots[:half], suspect_until)
            self._add(roots[half:], suspect_until)
            return
        for root in roots:
            # A folder that came after it was not there is told of only if the one above was watched by then.
            if any(os.path.isdir(path) for path in self._missing(root)):
                self._unarmed[root.id] = root
            else:
                self._settle(root)

    def _missing(self, root: Root) -> list[str]:
        return [path for path in root.wanted if path not in self._fleet]

    def _give_up(self, root: Root, error: CannotWatch) -> None:
        if isinstance(error, FolderGone) and root.tries < MAX_TRIES:
            root.tries += 1
            self._unarmed[root.id] = root
        elif isinstance(error, (NoMoreWatches, NoMoreInstances)) and self._fleet.is_draining:
            self._crowded_out[root.id] = root  # by watches that are about to be freed
        elif isinstance(error, NoMoreWatches):
            self._poll(root, "watches")
        elif isinstance(error, NoMoreInstances):
            self._poll(root, "instances")
        else:
            self._poll(root, "refused")

    def _settle(self, root: Root) -> None:
        root.tries = 0
        if root.wanted and not any(path in self._fleet for path in root.wanted):
            self._poll(root, "missing")
            return
        if root.polled is not None:
            root.polled = None
            self._polls.remove(root.id)
            root.owe(None, "restart")
        root.is_armed = True
        self._release(root)

    def _poll(self, root: Root, why: Why) -> None:
        self._fleet.drop(root.wanted)
        for other in self._roots.wanting(root.wanted):
            if other is not root and other.polled is None:
                other.owe(None, "restart")
                self._unarmed[other.id] = other
        root.polled = why
        root.tries = 0
        self._polls.add(root.id, self._now)
        self._release(root)

    def _release(self, root: Root) -> None:
        if root.owed is not None:
            self._outbox.hint(root.id, *root.owed)
            root.owed = None
        self._outbox.settle(root.waiting)
        root.waiting = []

    def _tidy(self) -> None:
        if self._now < self._tidy_at:
            return
        try:
            self._fleet.tidy(self._now)
        except CannotWatch:
            self._tidy_at = self._now + self._reconcile_s
