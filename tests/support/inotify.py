"""`FakeInotify`: RustNotify's constructor for tests that decide what the kernel grants, sees and drops."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from watchfiles._rust_notify import WatchfilesRustInternalError

ADDED, MODIFIED, DELETED = 1, 2, 3


class FakeNotify:
    """One instance. It watches by path, as if no folder were ever replaced."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.pending: set[tuple[int, str]] = set()
        self.is_dead = False
        self.is_closed = False

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: Any) -> set[tuple[int, str]]:
        seen = 0
        while True:
            if self.is_dead:
                self.pending = set()
                raise WatchfilesRustInternalError("Unable to decode path")
            stop_event.is_set()
            if self.pending and len(self.pending) == seen:
                batch, self.pending = self.pending, set()
                return batch
            seen = len(self.pending)

    def close(self) -> None:
        self.is_closed = True


class FakeInotify:
    """The kernel's side. Use `notify` in place of RustNotify.

    Attributes:
        max_watches: allowed in all; None is any number.
        max_instances: likewise.
        made: every instance ever made.
        refused: paths that may not be watched.
        unspeakable: paths that may not be watched either, but the error does not say which they are.
        on_make: called with the paths before an instance is made.
    """

    def __init__(self, *, max_watches: int | None = None, max_instances: int | None = None) -> None:
        self.max_watches = max_watches
        self.max_instances = max_instances
        self.made: list[FakeNotify] = []
        self.refused: set[str] = set()
        self.unspeakable: set[str] = set()
        self.on_make: Callable[[list[str]], None] = lambda paths: None

    @property
    def open(self) -> list[FakeNotify]:
        return [n for n in self.made if not n.is_closed]

    @property
    def watched(self) -> list[str]:
        """Every path that an instance watches, once for each that does."""
        return sorted(path for notify in self.open for path in notify.paths)

    def notify(self, paths: list[str], *_: Any) -> FakeNotify:
        self.on_make(paths)
        if self.max_instances is not None and len(self.open) >= self.max_instances:
            raise WatchfilesRustInternalError("Error creating recommended watcher: Too many open files (os error 24)")
        room = None if self.max_watches is None else self.max_watches - len(self.watched)
        for number, path in enumerate(paths):
            if not os.path.isdir(path):
                raise FileNotFoundError(f'No such file or directory (os error 2) about ["{path}"]')
            if path in self.refused:
                raise PermissionError(f'Permission denied (os error 13) about ["{path}"]')
            if path in self.unspeakable:
                raise OSError("Input/output error (os error 5)")
            if room is not None and number >= room:
                raise OSError(f'OS file watch limit reached. about ["{path}"]')
        made = FakeNotify(paths)
        self.made.append(made)
        return made

    def change(self, path: str, kind: int = MODIFIED) -> None:
        """Have the kernel say that `path` changed, to whoever watches it or the folder that it is in."""
        for notify in self.open:
            if path in notify.paths or os.path.dirname(path) in notify.paths:
                notify.pending.add((kind, path))

    def kill(self, folder: str) -> None:
        """Kill every instance that watches `folder`, as a name in it that is not UTF-8 does."""
        for notify in self.open:
            notify.is_dead |= folder in notify.paths
