"""`InotifySource`: the `HintSource` of Linux. One inotify instance for all roots, read in trio's thread."""

from __future__ import annotations

import errno
import math
import os
import threading
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import trio

from rhd.hosting.wakeup import Wakeup
from rhd.watch import inotify_calls as calls
from rhd.watch.filesystems import lacks_events, read_mounts
from rhd.watch.hints import Mode, OnHint, Usage, Why
from rhd.watch.kernel_limits import may_open
from rhd.watch.watched_roots import Policy, WatchedRoot, WatchedRoots

MAX_WATCHES_OF_ROOT = 4096
"""Folders of one repository that are watched. The kernel grants a user a few ten thousand watches for everything."""
MASK = (
    calls.CREATE
    | calls.DELETE
    | calls.MOVED_FROM
    | calls.MOVED_TO
    | calls.CLOSE_WRITE
    | calls.MODIFY
    | calls.ATTRIB
    | calls.DELETE_SELF
    | calls.MOVE_SELF
    | calls.ONLYDIR
    | calls.DONT_FOLLOW
    | calls.EXCL_UNLINK
)
SLICE_BYTES = 16 << 10
"""At most 1,024 events are read at once, so that a flood lets other tasks run."""

UNFINISHED_S = 0.02
"""How long a file that is being written may take to be closed before its folder is hinted."""

AGAIN_S = 1.0
"""After something was removed from a root's own folder, this much later it is looked at again: the root may have been
removed with it, and the kernel reports that only once nothing holds the folder open."""

_UNFINISHED = calls.CREATE | calls.MODIFY
_REMOVED = calls.DELETE | calls.MOVED_FROM


class Kernel(NamedTuple):
    """The system calls, and the table of mounts; tests put their own in place."""

    open_instance: Callable[[], int] = calls.open_instance
    add_watch: Callable[[int, int, int], int] = calls.add_watch
    remove_watch: Callable[[int, int], None] = calls.remove_watch
    read_mounts: Callable[[], Mapping[str, str]] = read_mounts


class InotifySource:
    """Implements `HintSource`.

    A watch is on a folder, not on its name: the kernel gives one folder one watch, however often it is asked for. So a
    watch has a set of places, each a root and a folder of it, and goes with the last.

    Adding a watch happens outside the lock, since it may block. A watch that was removed meanwhile in another thread
    is noticed by its IGNORED event: either the place is known by then, and its folder is hinted, or the event is
    remembered until no thread is adding.
    """

    def __init__(self, policy: Policy | None = None, *, kernel: Kernel | None = None) -> None:
        policy = policy or Policy()
        self._kernel = kernel or Kernel()
        self._roots = WatchedRoots(policy, self._can_watch)
        self._overflows_within_s = policy.overflows_within_s
        self._instance: int | None = None
        self._cannot_open: Why = "instances"
        self._opened = trio.Event()
        self._lock = threading.Lock()
        self._places: dict[int, tuple[tuple[WatchedRoot, str], ...]] = {}
        self._adding = 0
        self._ignored: set[int] = set()
        self._later: dict[tuple[WatchedRoot, str, float], float] = {}
        self._is_later = Wakeup()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. See `HintSource.run`."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._roots.run)
                nursery.start_soon(self._hint_later)
                self._open()
                task_status.started()
                await self._read()
        finally:
            if self._instance is not None:
                os.close(self._instance)
                self._instance = None
            self._places.clear()

    def attach(self, root_id: str, path: str, on_hint: OnHint) -> None:
        """Begin a root. See `HintSource.attach`."""
        self.detach(root_id)
        lacks = lacks_events((path,), self._kernel.read_mounts())
        self._roots.add(WatchedRoot(root_id, path, on_hint, "filesystem" if lacks else None))

    def arm(self, root_id: str, folder: str, descriptor: int) -> None:
        """Watch a folder. See `HintSource.arm`."""
        root = self._roots.get(root_id)
        while root is not None and (root.polled is None or root.is_tried):
            if (instance := self._instance) is None:
                self._poll(root, self._cannot_open)
                return
            if len(root.watches) >= MAX_WATCHES_OF_ROOT and folder not in root.watches:
                self._poll(root, "folders")
                return
            with self._lock:
                self._adding += 1
            number, why, is_removed = -1, None, False
            try:
                number = self._kernel.add_watch(instance, descriptor, MASK)
            except OSError as error:
                why = _reason(error, descriptor)
                is_removed = why is None
            if self._keep(root, folder, number):
                if why is not None:
                    self._poll(root, why)
                elif is_removed:  # one that is made in its place can look the same, its inode number included
                    self._roots.hint_soon(root, folder)
                return

    def drop(self, root_id: str, folders: Collection[str]) -> None:
        """Watch folders no longer. See `HintSource.drop`."""
        root = self._roots.get(root_id)
        if root is not None and folders:
            with self._lock:
                self._forget(root, folders)

    def detach(self, root_id: str) -> None:
        """End a root. See `HintSource.detach`."""
        root = self._roots.remove(root_id)
        if root is not None:
            with self._lock:
                self._forget(root, list(root.watches))
            self._later = {place: due for place, due in self._later.items() if place[0] is not root}

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""
        return self._roots.mode(root_id)

    def usage(self) -> Usage:
        """Return what watching takes now, and what is allowed."""
        return self._roots.usage(len(self._places), int(self._instance is not None))

    # -- watches --------------------------------------------------------------------------------------------

    def _keep(self, root: WatchedRoot, folder: str, number: int) -> bool:
        """Record a watch that was added (-1: it was not); return False if the kernel has removed it already."""
        with self._lock:
            self._adding -= 1
            is_gone = number in self._ignored
            if not self._adding:
                self._ignored.clear()
            if is_gone or number < 0 or root.watches.get(folder) == number:
                return not is_gone
            self._forget(root, [folder] if folder in root.watches else [])
            if self._roots.get(root.id) is not root or (root.polled is not None and not root.is_tried):
                if number not in self._places and self._instance is not None:
                    self._kernel.remove_watch(self._instance, number)
                return True
            root.watches[folder] = number
            self._places[number] = (*self._places.get(number, ()), (root, folder))
            return True

    def _forget(self, root: WatchedRoot, folders: Collection[str]) -> None:
        """Remove places of a root; the lock is held."""
        for folder in folders:
            if (number := root.watches.pop(folder, None)) is None:
                continue
            rest = tuple(place for place in self._places.get(number, ()) if place != (root, folder))
            if rest:
                self._places[number] = rest
            elif self._places.pop(number, None) is not None and self._instance is not None:
                self._kernel.remove_watch(self._instance, number)

    def _poll(self, root: WatchedRoot, why: Why) -> None:
        with self._lock:
            self._forget(root, list(root.watches))
        self._roots.poll(root, why)

    def _can_watch(self, root: WatchedRoot) -> bool:
        if self._instance is None:
            self._open()
        if lacks_events((root.path,), self._kernel.read_mounts()):
            root.polled = "filesystem"
            return False
        return self._instance is not None

    def _open(self) -> None:
        try:
            self._instance = self._kernel.open_instance()
            self._opened.set()
        except OSError:
            self._cannot_open = "instances" if may_open() else "files"

    # -- events ---------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        await self._opened.wait()
        assert self._instance is not None
        while True:
            await trio.lowlevel.wait_readable(self._instance)
            try:
                data = os.read(self._instance, SLICE_BYTES)
            except BlockingIOError:  # woken without an event, as select(2) warns
                continue
            self._interpret(data)
            if len(data) < SLICE_BYTES // 2:
                for root in self._roots:
                    root.events = 0

    def _interpret(self, data: bytes) -> None:
        """Turn events into hints, at most one for each root."""
        dirty: dict[WatchedRoot, set[str]] = {}
        is_full = False
        for number, mask in calls.parse_events(data):
            if mask & calls.Q_OVERFLOW:
                is_full = True
                continue
            for root, folder in self._places.get(number, ()):
                root.events += 1
                self._note(root, folder, mask, dirty)
            if mask & calls.IGNORED:  # hinted above: what is there instead is watched by the look that follows
                self._lose(number)
        for root, folders in dirty.items():
            root.hint(frozenset(folders), "event")
        if is_full:
            self._overflow()

    def _note(self, root: WatchedRoot, folder: str, mask: int, dirty: dict[WatchedRoot, set[str]]) -> None:
        """Note what an event says of one place: now, or shortly, when the file that is being written may be whole."""
        if mask & _UNFINISHED and not mask & calls.ISDIR:
            self._hint_within(root, folder, UNFINISHED_S)
            return
        dirty.setdefault(root, set()).add(folder)
        self._later.pop((root, folder, UNFINISHED_S), None)
        if not folder and mask & _REMOVED and mask & calls.ISDIR:
            self._hint_within(root, folder, AGAIN_S)

    def _lose(self, number: int) -> None:
        """Follow the kernel, which has removed a watch: its folder is gone, or unmounted, or it was ours to remove."""
        with self._lock:
            for root, folder in self._places.pop(number, ()):
                if root.watches.get(folder) == number:
                    del root.watches[folder]
            if self._adding:
                self._ignored.add(number)

    def _overflow(self) -> None:
        """Have everything looked at, and poll the root that filled the queue if it has done so shortly before."""
        now = trio.current_time()
        busiest = max(self._roots, key=lambda root: root.events, default=None)
        self._roots.hint_all("overflow")
        if busiest is not None:
            if now < busiest.overflowed_at + self._overflows_within_s:
                self._poll(busiest, "overflow")
            busiest.overflowed_at = now
        for root in self._roots:
            root.events = 0

    def _hint_within(self, root: WatchedRoot, folder: str, delay_s: float) -> None:
        if (root, folder, delay_s) not in self._later:
            self._later[root, folder, delay_s] = trio.current_time() + delay_s
            self._is_later.set()

    async def _hint_later(self) -> None:
        while True:
            with trio.move_on_at(min(self._later.values(), default=math.inf)):
                await self._is_later.wait()
            now = trio.current_time()
            for place in [place for place, due in self._later.items() if due <= now]:
                del self._later[place]
                root, folder, _ = place
                root.hint(frozenset({folder}), "event")


def _reason(error: OSError, descriptor: int) -> Why | None:
    """Return why a root is polled whose folder could not be watched; None if the folder was removed meanwhile."""
    if error.errno == errno.ENOSPC:
        return "watches"
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return "files"
    if error.errno == errno.ENOENT and not os.fstat(descriptor).st_nlink:
        return None
    return "refused"
