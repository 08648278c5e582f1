"""`Roots`: which root wants which folder watched, and what a batch of changes means to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import trio

from rhd.watch.hints import Via, Why
from rhd.watch.shard import MODIFIED, Batch


class Owed(NamedTuple):
    """A hint to be given once the root's folders are watched again."""

    folders: frozenset[str] | None
    via: Via


class Root:
    """One root, from its first `arm` to its `disarm`.

    Attributes:
        id: names it in hints.
        path: absolute, without a slash at the end.
        wanted: the folders to watch: absolute path -> path below the root, "" for the root itself.
        refused: those of them, by absolute path, that may not be watched and are polled for now; the rest is not.
        polled: why all of it is polled; None if it is watched by events.
        is_armed: it has been watched by events since it was made; until then it has no mode.
        gone: those that the kernel said are not there. They are asked for again when it may have changed its mind
            unheard: when the folder above is watched only since, or when a change of theirs is told of.
        tries: how often in a row arming it failed for a folder that the kernel did not name.
        owed: what to hint when everything that can be watched is.
        waiting: whoever waits for that.
    """

    __slots__ = ("gone", "id", "is_armed", "owed", "path", "polled", "refused", "tries", "waiting", "wanted")

    def __init__(self, root_id: str, path: str) -> None:
        self.id = root_id
        self.path = path
        self.wanted: dict[str, str] = {}
        self.refused: set[str] = set()
        self.polled: Why | None = None
        self.is_armed = False
        self.gone: set[str] = set()
        self.tries = 0
        self.owed: Owed | None = None
        self.waiting: list[trio.Event] = []

    def at(self, folder: str) -> str:
        """Return the absolute path of one of its folders."""
        return f"{self.path}/{folder}" if folder else self.path or "/"

    def owe(self, folders: frozenset[str] | None, via: Via) -> None:
        """Add to what is hinted once the root is watched again; everything swallows folders."""
        if self.owed is None or folders is None:
            self.owed = Owed(folders, via)
        elif self.owed.folders is not None:
            self.owed = Owed(self.owed.folders | folders, self.owed.via)


class Meaning(NamedTuple):
    """What a batch means.

    Attributes:
        folders: per root, the folders that may have changed.
        upset: per root, the absolute paths of watched folders that came, went or were replaced, with all below
            them. Whatever watches them may watch something that is not there any more, and the inode number does
            not tell: it is reused at once.
    """

    folders: dict[Root, set[str]]
    upset: dict[Root, set[str]]


class Roots:
    """All roots, and an index from folders to them. Two roots may want the same folder, if one lies in the other."""

    def __init__(self) -> None:
        self._by_id: dict[str, Root] = {}
        self._wanting: dict[str, tuple[Root, ...]] = {}

    def __iter__(self) -> Iterator[Root]:
        return iter(list(self._by_id.values()))

    def count_folders(self) -> int:
        """Return how many folders are wanted, each counted once."""
        return len(self._wanting)

    def __getitem__(self, root_id: str) -> Root:
        return self._by_id[root_id]

    def get(self, root_id: str) -> Root | None:
        """Return the root with this id."""
        return self._by_id.get(root_id)

    def put(self, root: Root, folders: Iterable[str]) -> list[str]:
        """Make `folders` what a root wants; return the paths that nobody wants any more."""
        self._by_id[root.id] = root
        wanted = {root.at(folder): folder for folder in folders}
        unwanted = self._forget(root, root.wanted.keys() - wanted.keys())
        for path in wanted.keys() - root.wanted.keys():
            self._wanting[path] = (*self._wanting.get(path, ()), root)
        root.wanted = wanted
        root.refused &= wanted.keys()
        return unwanted

    def remove(self, root: Root) -> list[str]:
        """Forget a root; return the paths that nobody wants any more."""
        del self._by_id[root.id]
        return self._forget(root, root.wanted.keys())

    def wanting(self, paths: Iterable[str]) -> list[Root]:
        """Return the roots that want any of these paths."""
        return list(dict.fromkeys(root for path in paths for root in self._wanting.get(path, ())))

    def interpret(self, batch: Batch) -> Meaning:
        """Return what a batch of changes means to the roots."""
        meaning = Meaning({}, {})
        for kind, path in batch:
            above = path.rpartition("/")[0] or "/"
            for root in self._wanting.get(above, ()):
                meaning.folders.setdefault(root, set()).add(root.wanted[above])
            for root in self._wanting.get(path, ()):
                meaning.folders.setdefault(root, set()).add(root.wanted[path])
                if kind != MODIFIED:
                    below = path.rstrip("/") + "/"
                    upset = (p for p in root.wanted if p == path or p.startswith(below))
                    meaning.upset.setdefault(root, set()).update(upset)
        return meaning

    def _forget(self, root: Root, paths: Iterable[str]) -> list[str]:
        unwanted = []
        for path in paths:
            rest = tuple(r for r in self._wanting[path] if r is not root)
            if rest:
                self._wanting[path] = rest
            else:
                del self._wanting[path]
                unwanted.append(path)
        return unwanted
