"""`ChangeLog`: what changed in one repository, numbered, on disk, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from rhd.ids import Cursor
from rhd.store import change_rows as rows
from rhd.store.database import Store
from rhwire.times import format_time

MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One announced change.

    Attributes:
        cursor: its place in the log.
        path: of the artifact.
        kind: of the artifact, as it was if it is gone.
        change: `added`, `modified` or `removed`.
        at: when it was noticed, seconds since the epoch.
        via: how it was noticed: `event`, `write`, `poll`, `reconcile`, `start` and the like.
    """

    cursor: Cursor
    path: str
    kind: str
    change: str
    at: float
    via: str

    def to_json(self, slug: str) -> dict[str, Any]:
        """Return `{cursor, repo, path, kind, change, at}`, the shape of a change everywhere."""
        return {
            "cursor": self.cursor,
            "repo": slug,
            "path": self.path,
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


@dataclass(slots=True)
class _Unsaved:
    """What a refresh found that is not on disk yet."""

    changes: list[tuple[str, str, str, float, str]] = field(default_factory=list)
    saved: dict[str, rows.ArtifactRow] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def add(
        self,
        changes: Iterable[tuple[str, str, str, float, str]],
        saved: Iterable[rows.ArtifactRow],
        removed: Iterable[str],
    ) -> None:
        """Add what a later refresh found."""
        self.changes.extend(changes)
        for path in removed:
            self.saved.pop(path, None)
            self.removed.add(path)
        for row in saved:
            self.saved[row.path] = row
            self.removed.discard(row.path)

    def __bool__(self) -> bool:
        return bool(self.changes or self.saved or self.removed)


class ChangeLog:
    """Append, read since a cursor, wait for more, subscribe. Numbers only grow; an entry is told once it is on disk.

    It lives from a repository's adoption until it is forgotten, whatever serves it meanwhile, and knows from its
    beginning how far it has come.

    Attributes:
        last: the newest entry.
        is_closed: the repository was forgotten. Nothing is appended any more, and every cursor answers `reset`.
    """

    def __init__(self, store: Store, repo_id: str, log: str, head: rows.Head | None = None) -> None:
        """Go on after `head`, as `read_heads` has it; without one nothing was logged yet."""
        self._store = store
        self._repo_id = repo_id
        self._log = log
        self._oldest, self._newest = (head.oldest, head.newest.number) if head is not None else (1, 0)
        self._grown = trio.Event()
        self._appending = trio.Lock()
        self._listeners: dict[object, Callable[[Sequence[ChangeEntry]], None]] = {}
        self._unsaved = _Unsaved()
        self.last = self._entry(head.newest) if head is not None else None
        self.is_closed = False

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept."""
        return self._oldest

    @property
    def cursor(self) -> Cursor:
        """The place of the newest entry."""
        return Cursor.make(self._log, self._newest)

    def keeps(self, cursor: Cursor) -> bool:
        """Say whether everything that came after `cursor` can still be told."""
        return not self.is_closed and cursor.log == self._log and self._oldest - 1 <= cursor.number <= self._newest

    def close(self) -> None:
        """Take no more, and wake whoever waits: the repository was forgotten."""
        self.is_closed = True
        self._grown.set()

    async def read_catalog(self) -> list[rows.ArtifactRow]:
        """Return the catalog as last recorded, for a new one to begin with.

        What an earlier one found and could not record is dropped: the new one finds it again.
        """
        async with self._appending:
            self._unsaved = _Unsaved()
            return await self._store.read(lambda c: rows.read_artifacts(c, self._repo_id))

    async def append(
        self,
        changes: Iterable[tuple[str, str, str]],
        *,
        via: str,
        saved: Iterable[rows.ArtifactRow] = (),
        removed: Iterable[str] = (),
    ) -> tuple[ChangeEntry, ...]:
        """Record `(path, kind, change)` tuples with the catalog rows they come from, then tell whoever waits.

        If the store fails, nothing is told and what was to be recorded is kept: the next call records it too. Once
        the repository is forgotten nothing is recorded. Cancelling waits for the disk, which is bounded.
        """
        at, entries = time.time(), tuple[ChangeEntry, ...]()
        with trio.CancelScope(shield=True):
            # One at a time: a service that has ended can still have a write under way while its successor looks.
            async with self._appending:
                self._unsaved.add(((*change, at, via) for change in changes), saved, removed)
                if self._unsaved and not self.is_closed:
                    entries = await self._record(self._unsaved)
        return entries

    async def _record(self, unsaved: _Unsaved) -> tuple[ChangeEntry, ...]:
        new = [rows.ChangeRow(self._newest + 1 + i, *change) for i, change in enumerate(unsaved.changes)]
        is_ours = await self._store.write(
            lambda c: rows.save_refresh(c, self._repo_id, self._log, unsaved.saved.values(), unsaved.removed, new)
        )
        self._unsaved = _Unsaved()
        if not new or not is_ours:
            return ()
        self._newest = new[-1].number
        self._oldest = max(self._oldest, self._newest - rows.KEEP_CHANGES + 1)
        entries = tuple(self._entry(row) for row in new)
        self.last = entries[-1]
        self._grown.set()
        self._grown = trio.Event()
        for listener in list(self._listeners.values()):
            listener(entries)
        return entries

    async def since(self, cursor: Cursor | None, *, limit: int = MAX_PAGE) -> Since:
        """Return what changed after `cursor`; without one, nothing but where to ask on from."""
        if cursor is None:
            return Since((), self.cursor)
        if not self.keeps(cursor):
            return Since((), self.cursor, reset=True)
        if cursor.number == self._newest:
            return Since((), cursor)
        found = await self._store.read(lambda c: rows.read_changes(c, self._repo_id, cursor.number, limit))
        if not found or found[0].number != cursor.number + 1:  # trimmed between the look and the read
            return Since((), self.cursor, reset=True)
        entries = tuple(self._entry(row) for row in found)
        return Since(entries, entries[-1].cursor)

    async def wait(self, cursor: Cursor, wait_s: float, *, limit: int = MAX_PAGE) -> Since:
        """Return what changed after `cursor`, waiting up to `wait_s` seconds for the first change."""
        with trio.move_on_after(wait_s):
            while True:
                grown = self._grown  # before looking, so that what comes in between is not slept through
                found = await self.since(cursor, limit=limit)
                if found.changes or found.reset:
                    return found
                await grown.wait()
        return Since((), cursor)

    def subscribe(self, listener: Callable[[Sequence[ChangeEntry]], None]) -> Callable[[], None]:
        """Call `listener` with every new batch from now on; return what ends it. It must not raise or wait."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def _entry(self, row: rows.ChangeRow) -> ChangeEntry:
        cursor = Cursor.make(self._log, row.number)
        return ChangeEntry(cursor, row.path, row.kind, row.change, row.at, row.via)
