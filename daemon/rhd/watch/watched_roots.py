"""`WatchedRoots`: the roots that a source watches, and the hints that come from clocks instead of the file system."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import trio

from rhd.hosting.wakeup import Wakeup
from rhd.watch.hints import Mode, OnHint, Usage, Via, Why
from rhd.watch.kernel_limits import advise, read_limits
from rhd.watch.timetable import Timetable

CLOCKS_S = 10.0
"""How often the clocks are compared."""

JUMP_S = 1.0
"""A clock that is this much ahead of what was slept was set forward, or the machine was suspended."""


class Policy(NamedTuple):
    """Periods of the timed hints.

    Attributes:
        polling: False gives no timed hints at all: tests prove by it that events alone suffice.
        reconcile_s: period in which all of each root is hinted once. Events do not need it: it bounds how long a
            mistake in the system, or here, can last.
        retry_s: period in which a polled root is tried with events again.
        poll_s: period in which all of each polled root is hinted once.
        overflows_within_s: a root that fills the kernel's queue twice within this time is polled.
    """

    polling: bool = True
    reconcile_s: float = 3600.0
    retry_s: float = 60.0
    poll_s: float = 2.0
    overflows_within_s: float = 60.0


class WatchedRoot:
    """One root, from `attach` to `detach`.

    Attributes:
        watches: of each watched folder, the kernel's number for the watch.
        polled: why it is polled; None if it is watched by events.
        is_tried: it is polled, and watching it by events is being tried.
        events: how many events it had since the kernel's queue was empty last.
        overflowed_at: when it filled the queue last.
    """

    __slots__ = ("events", "id", "is_tried", "on_hint", "overflowed_at", "path", "polled", "watches")

    def __init__(self, root_id: str, path: str, on_hint: OnHint, polled: Why | None) -> None:
        self.id = root_id
        self.path = path
        self.on_hint = on_hint
        self.polled = polled
        self.is_tried = False
        self.watches: dict[str, int] = {}
        self.events = 0
        self.overflowed_at = -math.inf

    def hint(self, folders: frozenset[str] | None, via: Via) -> None:
        """Give a hint."""
        self.on_hint(self.id, folders, via)


class WatchedRoots:
    """For use in trio's thread, but `get`, `polled` and `poll`.

    Args:
        policy: periods.
        can_watch: asked whether trying events with a polled root makes sense now; it is hinted whole, then.
        wall: the clock that goes on while the machine is suspended.
    """

    def __init__(
        self,
        policy: Policy,
        can_watch: Callable[[WatchedRoot], bool],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._can_watch = can_watch
        self._wall = wall
        self._roots: dict[str, WatchedRoot] = {}
        self._polls = Timetable(policy.poll_s)
        self._retries = Timetable(policy.retry_s)
        self._reconciles = Timetable(policy.reconcile_s)
        self._changed = Wakeup()
        self._token: trio.lowlevel.TrioToken | None = None

    def __iter__(self) -> Iterator[WatchedRoot]:
        return iter(list(self._roots.values()))

    def get(self, root_id: str) -> WatchedRoot | None:
        """Return the root of this id; in any thread."""
        return self._roots.get(root_id)

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""
        root = self.get(root_id)
        if root is None:
            return "off"
        if root.polled is not None:
            return "poll"
        return "events" if root.watches else "off"

    def usage(self, watches: int, instances: int) -> Usage:
        """Return what watching takes and what is allowed.

        Args:
            watches: in use by this process.
            instances: in use by this process.
        """
        limits = read_limits()
        polled = {root.id: root.polled for root in self if root.polled is not None}
        advice = advise(limits, watches=watches, instances=instances, refused=set(polled.values()))
        return Usage(watches, instances, *limits, polled, advice)

    def add(self, root: WatchedRoot) -> None:
        """Begin a root."""
        self._roots[root.id] = root
        self._schedule(root)

    def remove(self, root_id: str) -> WatchedRoot | None:
        """End a root and return it; None if there is none of this id."""
        root = self._roots.pop(root_id, None)
        for timetable in (self._polls, self._retries, self._reconciles):
            timetable.remove(root_id)
        return root

    def poll(self, root: WatchedRoot, why: Why) -> None:
        """Poll a root from now on; in any thread."""
        root.polled, root.is_tried = why, False
        if self._token is not None:
            self._token.run_sync_soon(self._schedule, root)

    def hint_soon(self, root: WatchedRoot, folder: str) -> None:
        """Hint a folder; in any thread."""
        if self._token is not None:
            self._token.run_sync_soon(self._hint, root, folder)

    def _hint(self, root: WatchedRoot, folder: str) -> None:
        if self._roots.get(root.id) is root:
            root.hint(frozenset({folder}), "event")

    def hint_all(self, via: Via) -> None:
        """Hint all of every root."""
        for root in self:
            root.hint(None, via)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Give the timed hints until cancelled."""
        self._token = trio.lowlevel.current_trio_token()
        task_status.started()
        for root in self:
            self._schedule(root)
        while True:
            before, wall = trio.current_time(), self._wall()
            due = min(before + CLOCKS_S, *(t.next_due for t in (self._polls, self._retries, self._reconciles)))
            with trio.move_on_at(due):
                await self._changed.wait()
                due = trio.current_time()
            now = trio.current_time()
            if max(now - due, self._wall() - wall - (now - before)) >= JUMP_S and self._policy.polling:
                self.hint_all("clock")
            self._give_due(now)

    def _give_due(self, now: float) -> None:
        for root_id in self._polls.take_due(now):
            root = self._roots[root_id]
            if root.is_tried and root.watches:  # nothing has refused a folder since: all of it is watched
                root.polled, root.is_tried = None, False
            if root.polled is None:
                self._polls.remove(root_id)
                self._retries.remove(root_id)
            if self._policy.polling:  # the last one too: it covers what happened while it was being tried
                root.hint(None, "poll")
        for root_id in self._retries.take_due(now):
            root = self._roots[root_id]
            if root.polled is not None and self._can_watch(root):
                root.is_tried = True
                root.hint(None, "restart")
        for root_id in self._reconciles.take_due(now):
            if self._policy.polling and self._roots[root_id].polled is None:
                self._roots[root_id].hint(None, "reconcile")

    def _schedule(self, root: WatchedRoot) -> None:
        if self._token is None or self._roots.get(root.id) is not root:
            return
        now = trio.current_time()
        self._reconciles.add(root.id, now)
        if root.polled is not None:
            self._polls.add(root.id, now)
            self._retries.add(root.id, now)
        self._changed.set()
