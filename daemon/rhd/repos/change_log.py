"""`ChangeLog`: what changed in one repository, numbered and bounded; told from memory, then recorded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import trio

from rhd.ids import Cursor
from rhd.store import change_rows as rows
from rhd.store.database import Store
from rhwire.times import format_time

MAX_PAGE = 500
MAX_RECENT = 500
"""How many of the newest entries are kept in memory, so that followers read no database."""

NUMBERS = 1000
"""How many numbers are reserved on disk at once. An entry is told before it is recorded; after an unclean end numbering
goes on behind what was reserved, so that no number is used for two entries."""

REPOSITORY = "repository"
"""The kind of an entry about the repository itself."""


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One announced change.

    Attributes:
        cursor: its place in the log.
        path: of the artifact; empty in an entry about the repository.
        kind: of the artifact, as it was if it is gone; or `repository`.
        change: `added`, `modified` or `removed`; of a repository `branch`, `moved`, `lost`, `restored`, `adopted` or
            `forgotten`; of an agent run `run_started`, `run_refused`, or `run_` and the state in which it ended.
        at: when it was noticed, seconds since the epoch.
        via: how it was noticed: `event`, `write`, `git`, `poll`, `reconcile`, `restart` and the like.
        by: the name of the client that wrote it; None if it was no client of ours.
    """

    cursor: Cursor
    path: str
    kind: str
    change: str
    at: float
    via: str
    by: str | None = None

    def to_json(self, slug: str) -> dict[str, Any]:
        """Return `{cursor, repo, path, kind, change, at}`, the shape of a change everywhere."""
        return {
            "cursor": self.cursor,
            "repo": slug,
            "path": self.path or None,
            "kind": self.kind,
            "change": self.change,
            "at": format_time(self.at),
        }


@dataclass(frozen=True, slots=True)
class Since:
    """An answer to "what changed since".

    Attributes:
        changes: oldest first, at most the limit asked for.
        cursor: where to ask on from.
        reset: True if the cursor that was given is not of this log or too old: what changed is not known, look at
            everything again; `changes` is then empty.
    """

    changes: tuple[ChangeEntry, ...]
    cursor: Cursor
    reset: bool = False


Change = tuple[str, str, str]
"""Path, kind and change."""

NO_ORIGINS: Mapping[str, tuple[str, str | None]] = MappingProxyType({})


class ChangeLog:
    """Append, read since a cursor, wait for more, subscribe. Numbers only grow.

    It lives from a repository's adoption until it is forgotten, whatever serves it meanwhile.

    Attributes:
        last: the newest entry.
        is_closed: the repository was forgotten. Nothing is appended any more, and every cursor answers `reset`. `last`
            says that it was forgotten.
    """

    def __init__(self, store: Store, repo_id: str, log: str, head: rows.Head | None = None) -> None:
        """Go on after `head`, as `read_heads` has it; without one nothing was logged yet."""
        head = head or rows.Head(None, 0)
        self._store = store
        self._repo_id = repo_id
        self._log = log
        self._newest = max(head.newest.number if head.newest is not None else 0, head.reserved)
        self._reserved = head.reserved
        self._recent: deque[ChangeEntry] = deque()
        self._recent_from = self._newest
        self._appending = trio.Lock()
        self._listeners: dict[object, Callable[[Sequence[ChangeEntry]], None]] = {}
        self._untold: list[rows.ChangeRow] = []
        self._unsaved: list[rows.ChangeRow] = []
        self._artifacts: dict[str, rows.ArtifactRow | None] = {}
        self.last = self._entry(head.newest) if head.newest is not None else None
        self.is_closed = False

    @property
    def cursor(self) -> Cursor:
        """The place of the newest entry."""
        return Cursor.make(self._log, self._newest)

    @property
    def floor(self) -> int:
        """The number after which every entry is kept."""
        return max(0, self._newest - rows.KEEP_CHANGES)

    def keeps(self, cursor: Cursor) -> bool:
        """Say whether everything that came after `cursor` can still be told."""
        return not self.is_closed and cursor.log == self._log and self.floor <= cursor.number <= self._newest

    def close(self) -> None:
        """Take no more entries, and tell all followers that the repository was forgotten."""
        self.is_closed = True
        self.last = self._entry(rows.ChangeRow(self._newest, "", REPOSITORY, "forgotten", time.time(), "command"))
        for listener in list(self._listeners.values()):
            listener((self.last,))

    async def read_catalog(self) -> list[rows.ArtifactRow]:
        """Return the catalog as last recorded, for a new one to begin with.

        What an earlier one found and could not record is dropped: the new one finds it again.
        """
        async with self._appending:
            self._untold, self._unsaved, self._artifacts = [], [], {}
            return await self._store.read(lambda c: rows.read_artifacts(c, self._repo_id))

    async def append(
        self,
        changes: Iterable[Change],
        *,
        via: str,
        by: str | None = None,
        origins: Mapping[str, tuple[str, str | None]] = NO_ORIGINS,
        saved: Iterable[rows.ArtifactRow] = (),
        removed: Iterable[str] = (),
    ) -> None:
        """Tell `(path, kind, change)` tuples, then record them with the catalog rows they come from.

        Followers are told before the disk is waited for. If the store fails, what was to be recorded is kept, and the
        next call records it too. Once the repository is forgotten nothing is told or recorded. Cancelling waits for
        the disk, which is bounded.

        Args:
            changes: what changed.
            via: how it was noticed.
            by: the name of the client that wrote it.
            origins: `via` and `by` of paths of which they differ.
            saved: catalog rows to record.
            removed: paths whose catalog rows go.

        Raises:
            StoreFailed: the disk refuses.
        """
        at = time.time()
        with trio.CancelScope(shield=True):
            # One at a time: a service that has ended can still have a write under way while its successor looks.
            async with self._appending:
                self._untold.extend(
                    rows.ChangeRow(0, *change, at, *origins.get(change[0], (via, by))) for change in changes
                )
                self._artifacts.update(dict.fromkeys(removed))
                self._artifacts.update((row.path, row) for row in saved)
                if not self.is_closed:
                    if self._untold:
                        await self._reserve(self._newest + len(self._untold))
                        self._tell()
                    await self._record()

    async def _reserve(self, number: int) -> None:
        """Reserve numbers up to this one at least."""
        if number > self._reserved:
            reserved = number + NUMBERS
            await self._store.write(lambda c: rows.reserve_numbers(c, {self._repo_id: reserved}))
            self._reserved = reserved

    def note_reserved(self, number: int) -> None:
        """Note that numbers up to this one are reserved on disk."""
        self._reserved = max(self._reserved, number)

    def _tell(self) -> None:
        """Number what was found, keep it in memory, and tell followers."""
        first = self._newest + 1
        new = [row._replace(number=first + i) for i, row in enumerate(self._untold)]
        self._untold = []
        self._unsaved = [*self._unsaved, *new][-rows.KEEP_CHANGES :]  # while the disk is full it grows no further
        entries = tuple(self._entry(row) for row in new)
        self._recent.extend(entries)
        while len(self._recent) > rows.KEEP_CHANGES:
            self._recent_from = self._recent.popleft().cursor.number
        self._newest, self.last = new[-1].number, entries[-1]
        for listener in list(self._listeners.values()):
            listener(entries)

    async def _record(self) -> None:
        if not self._unsaved and not self._artifacts:
            return
        reserved = self._reserved
        if reserved < self._newest + NUMBERS // 2 and self._unsaved:
            reserved = self._newest + NUMBERS
        artifacts, unsaved = self._artifacts, self._unsaved
        saved = [row for row in artifacts.values() if row is not None]
        removed = [path for path, row in artifacts.items() if row is None]
        await self._store.write(
            lambda c: rows.save_refresh(c, self._repo_id, self._log, saved, removed, unsaved, reserved)
        )
        self._unsaved, self._artifacts = [], {}
        self._reserved = max(self._reserved, reserved)  # more may have been reserved during the write
        while len(self._recent) > MAX_RECENT:  # only now: until it is recorded, memory is the one place it can be read
            self._recent_from = self._recent.popleft().cursor.number

    async def since(self, cursor: Cursor | None, *, limit: int = MAX_PAGE) -> Since:
        """Return what changed after `cursor`; without one, nothing but where to ask on from."""
        if cursor is None:
            return Since((), self.cursor)
        if not self.keeps(cursor):
            return Since((), self.cursor, reset=True)
        found: list[ChangeEntry] = []
        if cursor.number < self._recent_from:
            before = self._recent_from
            read = await self._store.read(lambda c: rows.read_changes(c, self._repo_id, cursor.number, limit))
            if not self.keeps(cursor):  # trimmed between the look and the read
                return Since((), self.cursor, reset=True)
            found = [self._entry(row) for row in read if row.number <= before]
            if len(found) < limit and self._recent_from != before:  # more went out of memory meanwhile
                return await self.since(cursor, limit=limit)
        for entry in self._recent_after(cursor.number)[: limit - len(found)]:
            found.append(entry)
        return Since(tuple(found), found[-1].cursor if found else self.cursor)

    async def newest(self, count: int) -> Since:
        """Return the newest entries, at most `count`, and where to ask on from."""
        cursor, before, recent = self.cursor, self._recent_from, list(self._recent)[max(0, len(self._recent) - count) :]
        missing = count - len(recent)
        if missing > 0:
            read = await self._store.read(lambda c: rows.read_newest_changes(c, self._repo_id, before, missing))
            recent = [*map(self._entry, read), *recent]
        return Since(tuple(recent), cursor)

    def _recent_after(self, number: int) -> list[ChangeEntry]:
        after: list[ChangeEntry] = []
        for entry in reversed(self._recent):
            if entry.cursor.number <= number:
                break
            after.append(entry)
        after.reverse()
        return after

    def subscribe(self, listener: Callable[[Sequence[ChangeEntry]], None]) -> Callable[[], None]:
        """Call `listener` with every new batch from now on; return what ends it. It must not raise or wait."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def _entry(self, row: rows.ChangeRow) -> ChangeEntry:
        cursor = Cursor.make(self._log, row.number)
        return ChangeEntry(cursor, row.path, row.kind, row.change, row.at, row.via, row.by)
