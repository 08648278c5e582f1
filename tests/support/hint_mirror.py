"""`Mirror`: the simplest consumer of hints. What it holds is proof of what the hints told."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rhd.watch.hints import HintSource, Via
from rhd.watch.sources import make_source
from rhd.watch.watched_roots import Policy

EVENTS = Policy(polling=False, overflows_within_s=0)
"""No timer makes good what an event missed."""

POLLING = Policy(poll_s=0.1)


@asynccontextmanager
async def run_source(
    watcher: str = "inotify", policy: Policy = EVENTS
) -> AsyncIterator[tuple[HintSource, trio.Nursery]]:
    """Yield a source that runs, and a nursery for those who use it."""
    source = make_source(watcher, policy)
    async with trio.open_nursery() as nursery:
        await nursery.start(source.run)
        yield source, nursery
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
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._dirty: set[str] | None = None
        self._hinted = trio.Event()
        self._passed = trio.Event()

    def hear(self, root_id: str, folders: frozenset[str] | None, via: Via) -> None:
        """Take a hint."""
        assert root_id == self.id
        self.vias[via] += 1
        if folders is None:
            self._dirty = None
        elif self._dirty is not None:
            self._dirty |= folders
        self._hinted.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Mirror until cancelled; started once the first look is done."""
        self.hints.attach(self.id, self.path, self.hear)
        try:
            await self._look()
            task_status.started()
            while True:
                await self._hinted.wait()
                await self._look()
        finally:
            self.hints.detach(self.id)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so after a look. Bound it."""
        while not is_so():
            await self._passed.wait()

    async def settle(self, timeout_s: float = 10.0) -> None:
        """Wait until the mirror equals the disk, which nothing changes any more."""
        with trio.move_on_after(timeout_s) as scope:
            await self.until(lambda: self.snapshot == scan(self.path))
        if scope.cancelled_caught:
            raise AssertionError(
                f"{self.id} ({self.hints.mode(self.id)}) was not told of {self.differences()}: {dict(self.vias)}"
            )

    def differences(self) -> list[str]:
        """Return the folders in which mirror and disk differ, at most ten."""
        disk = scan(self.path)
        return sorted(f for f in disk.keys() | self.snapshot.keys() if disk.get(f) != self.snapshot.get(f))[:10]

    async def _look(self) -> None:
        self._hinted = trio.Event()
        dirty, self._dirty = self._dirty, set()
        known = set(self.snapshot)
        waiting = {""} if dirty is None else {self._nearest(folder) for folder in dirty}
        while waiting:
            folder = waiting.pop()
            for below, stamp in self._list(folder).items():
                if dirty is None or self._stamps.get(below) != stamp or below not in self.snapshot:
                    waiting.add(below)
                self._stamps[below] = stamp
        self.hints.drop(self.id, known - self.snapshot.keys())
        self.passes += 1
        self._passed.set()
        self._passed = trio.Event()
        await trio.lowlevel.checkpoint()

    def _nearest(self, folder: str) -> str:
        while folder and folder not in self.snapshot:
            folder = folder.rpartition("/")[0]
        return folder

    def _list(self, folder: str) -> dict[str, tuple[int, ...]]:
        """List one folder as the catalog does: open, arm, read; return the folders in it, with what they look like."""
        path = os.path.join(self.path, folder)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            self._forget(folder)
            return {}
        listing: Listing = {}
        below: dict[str, tuple[int, ...]] = {}
        try:
            self.hints.arm(self.id, folder, descriptor)
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    try:
                        facts = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if stat.S_ISREG(facts.st_mode):
                        listing[entry.name] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
                    elif stat.S_ISDIR(facts.st_mode) and entry.name != ".git" and folder.count("/") < 3:
                        name = f"{folder}/{entry.name}" if folder else entry.name
                        below[name] = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
        finally:
            os.close(descriptor)
        for gone in {f for f in self.snapshot if f and f.rpartition("/")[0] == folder} - below.keys():
            self._forget(gone)
        self.snapshot[folder] = listing
        return below

    def _forget(self, folder: str) -> None:
        for gone in [f for f in self.snapshot if f == folder or f.startswith(f"{folder}/") or not folder]:
            del self.snapshot[gone]
            self._stamps.pop(gone, None)
