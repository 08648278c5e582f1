"""`ChangeLog`: what changed in one repository, numbered and bounded; told from memory, then recorded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from sqlite3 import Connection
from types import MappingProxyType
from typing import Any

from rhd.ids import Cursor
from rhd.repos.problems import RepoProblem
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
        on_pending: called when there is something to `record`.
        problem: why what was told cannot be recorded at present, or None.
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
        self._listeners: dict[object, Callable[[Sequence[ChangeEntry]], None]] = {}
        self._untold: list[rows.ChangeRow] = []
        self._unsaved: list[rows.ChangeRow] = []
        self._artifacts: dict[str, rows.ArtifactRow | None] = {}
        self.last = self._entry(head.newest) if head.newest is not None else None
        self.is_closed = False
        self.on_pending: Callable[[], None] = lambda: None
        self.problem: RepoProblem | None = None

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
        """Return the catalog as last announced, for a new one to begin with."""
        pending = dict(self._artifacts)  # before reading: it may be recorded meanwhile
        stored = await self._store.read(lambda c: rows.read_artifacts(c, self._repo_id))
        known = {**{row.path: row for row in stored}, **pending, **self._artifacts}
        return [row for row in known.values() if row is not None]

    def append(
        self,
        changes: Iterable[Change],
        *,
        via: str,
        by: str | None = None,
        origins: Mapping[str, tuple[str, str | None]] = NO_ORIGINS,
        saved: Iterable[rows.ArtifactRow] = (),
        removed: Iterable[str] = (),
    ) -> None:
        """Tell `(path, kind, change)` tuples, and have them recorded with the catalog rows they come from.

        Once the repository is forgotten nothing is told or recorded.

        Args:
            changes: what changed.
            via: how it was noticed.
            by: the name of the client that wrote it.
            origins: `via` and `by` of paths of which they differ.
            saved: catalog rows to record.
            removed: paths whose catalog rows go.
        """
        at = time.time()
        self._untold += [rows.ChangeRow(0, *change, at, *origins.get(change[0], (via, by))) for change in changes]
        self._artifacts.update(dict.fromkeys(removed))
        self._artifacts.update((row.path, row) for row in saved)
        if not self.is_closed:
            self._tell()
        if self.is_pending:
            self.on_pending()

    @property
    def has_untold(self) -> bool:
        """Whether anything waits until numbers are reserved for it."""
        return bool(self._untold)

    @property
    def is_pending(self) -> bool:
        """Whether anything is to be recorded."""
        return not self.is_closed and bool(self._untold or self._unsaved or self._artifacts)

    async def record(self) -> None:
        """Record what is pending; tell before that what no number was reserved for. One call at a time.

        What the disk refuses stays pending.

        Raises:
            StoreFailed: the disk refuses.
        """
        while self._untold:
            number = self._newest + len(self._untold) + NUMBERS
            await self._store.write(partial(rows.reserve_numbers, reserved={self._repo_id: number}))
            self.note_reserved(number)
            self._tell()
        unsaved, artifacts = self._unsaved, dict(self._artifacts)
        self.note_reserved(await self._store.write(self._recording()))
        recorded = unsaved[-1].number if unsaved else 0
        self._unsaved = [row for row in self._unsaved if row.number > recorded]
        for path, row in artifacts.items():
            if self._artifacts[path] is row:
                del self._artifacts[path]
        # Until they are recorded, entries can be read in memory alone.
        while len(self._recent) > MAX_RECENT and self._recent[0].cursor.number <= recorded:
            self._recent_from = self._recent.popleft().cursor.number

    def record_at_end(self) -> None:
        """Leave what is pending to the store, which writes it before it closes."""
        if self.is_pending and not self._untold:
            self._store.write_later(self._recording())

    def _recording(self) -> Callable[[Connection], int]:
        """Return what records everything that is pending now, and returns up to which number numbers are reserved.

        It may be carried out twice.
        """
        unsaved, reserved = self._unsaved, self._reserved
        saved = [row for row in self._artifacts.values() if row is not None]
        removed = [path for path, row in self._artifacts.items() if row is None]
        if unsaved and reserved < self._newest + NUMBERS // 2:
            reserved = self._newest + NUMBERS

        def save(connection: Connection) -> int:
            rows.save_refresh(connection, self._repo_id, self._log, saved, removed, unsaved, reserved)
            return reserved

        return save

    def note_reserved(self, number: int) -> None:
        """Note that numbers up to this one are reserved on disk."""
        self._reserved = max(self._reserved, number)

    def _tell(self) -> None:
        """Number what was found, keep it in memory, and tell followers; nothing if too few numbers are reserved."""
        if not self._untold or self._newest + len(self._untold) > self._reserved:
            return
        new = [row._replace(number=number) for number, row in enumerate(self._untold, self._newest + 1)]
        self._untold = []
        self._unsaved = [*self._unsaved, *new][-rows.KEEP_CHANGES :]  # while the disk is full it grows no further
        entries = tuple(self._entry(row) for row in new)
        self._recent.extend(entries)
        while len(self._recent) > rows.KEEP_CHANGES:
            self._recent_from = self._recent.popleft().cursor.number
        self._newest, self.last = new[-1].number, entries[-1]
        for listener in list(self._listeners.values()):
            listener(entries)

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
