"""`Mirror`: the simplest consumer of hints. What it holds is proof of what the hints told."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rhd.watch.arming import Policy
from rhd.watch.hints import HintSource, Via
from rhd.watch.hub import WatchHub

EVENTS = Policy(polling=False)


@asynccontextmanager
async def run_hub(policy: Policy = EVENTS) -> AsyncIterator[tuple[WatchHub, trio.Nursery]]:
    """Yield a hub that runs, and a nursery for those who use it."""
    hub = WatchHub(policy)
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        yield hub, nursery
        nursery.cancel_scope.cancel()


Listing = dict[str, tuple[int, int, int]]
"""Files of one folder: name -> modification time in ns, size, inode."""

Snapshot = dict[str, Listing]
"""Folders below a root, "" for itself."""


def list_folder(path: str) -> Listing | None:
    """Return a folder's regular files; None if it is not there."""
    listing: Listing = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(facts.st_mode):
                    listing[entry.name] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return listing


def find_folders(path: str, depth: int = 4) -> frozenset[str]:
    """Return the folders below and including `path`, without .git, without following links.

    The root is among them even while it is not there: who wants nothing is told of nothing.
    """
    found = {""}
    stack = [("", 0)]
    while stack:
        folder, level = stack.pop()
        try:
            with os.scandir(os.path.join(path, folder)) as entries:
                found.add(folder)
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name != ".git"]
        except (FileNotFoundError, NotADirectoryError):
            continue
        if level < depth:
            stack.extend((f"{folder}/{name}" if folder else name, level + 1) for name in names)
    return frozenset(found)


def scan(path: str) -> Snapshot:
    """Return what a mirror of `path` should hold."""
    listings = {folder: list_folder(os.path.join(path, folder)) for folder in find_folders(path)}
    return {folder: listing for folder, listing in listings.items() if listing is not None}


class Mirror:
    """Keeps `snapshot` equal to the disk by listing what is hinted, and nothing else after its first look.

    Attributes:
        vias: how often it was hinted in each way.
        passes: how often it looked.
    """

    def __init__(self, hints: HintSource, root_id: str, path: Path | str) -> None:
        self.hints = hints
        self.id = root_id
        self.path = str(path)
        self.snapshot: Snapshot = {}
        self.vias: Counter[Via] = Counter()
        self.passes = 0
        self._folders: frozenset[str] = frozenset()
        self._dirty: set[str] = set()
        self._is_all_dirty = True
        self._hinted = trio.Event()
        self._passed = trio.Event()

    def hear(self, root_id: str, folders: frozenset[str] | None, via: Via) -> None:
        """Be the listener."""
        assert root_id == self.id
        self.vias[via] += 1
        self._is_all_dirty |= folders is None
        self._dirty |= folders or set()
        self._hinted.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Mirror until cancelled; started once the first look is done."""
        self.hints.listen(self.id, self.hear)
        try:
            await self._look()
            task_status.started()
            while True:
                await self._hinted.wait()
                await self._look()
        finally:
            self.hints.disarm(self.id)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so after a look. Bound it."""
        while not is_so():
            await self._passed.wait()

    async def settle(self, timeout_s: float = 10.0) -> None:
        """Wait until the mirror equals the disk, which nobody changes any more."""
        with trio.move_on_after(timeout_s) as scope:
            await self.until(lambda: self.snapshot == scan(self.path))
        if scope.cancelled_caught:
            raise AssertionError(f"{self.id} was not told of {self.differences()} (told {dict(self.vias)})")

    def differences(self) -> list[str]:
        """Return the folders in which mirror and disk differ, at most ten."""
        disk = scan(self.path)
        return sorted(f for f in disk.keys() | self.snapshot.keys() if disk.get(f) != self.snapshot.get(f))[:10]

    async def _look(self) -> None:
        self._hinted = trio.Event()
        dirty, self._dirty = self._dirty, set()
        is_all, self._is_all_dirty = self._is_all_dirty, False
        while (folders := find_folders(self.path)) != self._folders:
            dirty |= folders ^ self._folders
            self._folders = folders
            await self.hints.arm(self.id, self.path, folders)
        for folder in (self._folders | self.snapshot.keys()) if is_all else dirty:
            listing = list_folder(os.path.join(self.path, folder)) if folder in self._folders else None
            if listing is None:
                self.snapshot.pop(folder, None)
            else:
                self.snapshot[folder] = listing
        self.passes += 1
        self._passed.set()
        self._passed = trio.Event()
        await trio.lowlevel.checkpoint()
