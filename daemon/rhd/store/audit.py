"""`AuditLog`: who did what. Calls are rows; other events are rows and log lines. No content, argument or secret enters.

An unauthenticated client can repeat its requests at will. So equal events within five seconds are one row that counts
them, each kind of row has a quota of its own, and the rows of unauthenticated clients (principal `-`) never take the
place of others.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace

import trio

from rhd.hosting.wakeup import Wakeup
from rhd.metrics import CallCounts
from rhd.store.database import Store
from rhwire.escape import escape

FLUSH_EVERY_S = 1.0
QUIET_S = 5.0
LONGEST_S = 600.0
MAX_WAITING = 512
MAX_TARGETS = 8
MAX_NAME_CHARS = 512
KEEP_CALLS = 10_000
KEEP_EVENTS = 5_000
PRUNE_EVERY = 256
DAY_S = 86400.0
COUNTED = {"login.wrong": "wrong_passphrases", "client.new": "new_clients"}
"""The events that `rhctl status` counts over the last day."""
NO_GRANT = "-"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row.

    Attributes:
        at: seconds since the epoch; of equal events, the first one's.
        principal: a grant's id, `owner`, or `-` for a client without a grant.
        client: the client's name at that moment, or None.
        repo_id: the repository concerned, or None.
        profile: the profile that acted, or those concerned, or None.
        action: a tool's name, or `login.wrong` and the like.
        target: an artifact's path, an address, a reason in one word, or None.
        outcome: `ok` or a code.
        duration_ms: how long a call took.
        count: how many equal events this row stands for.
    """

    at: float
    principal: str
    client: str | None
    repo_id: str | None
    profile: str | None
    action: str
    target: str | None
    outcome: str
    duration_ms: float
    count: int = 1


class _Open:
    """A row that is not finished: calls are written once, events may still be counted.

    Only the store's writer sets `id`.
    """

    __slots__ = ("id", "is_call", "last", "row", "saved")

    def __init__(self, row: AuditRow, *, is_call: bool) -> None:
        self.row = row
        self.is_call = is_call
        self.last = row.at
        self.saved = 0
        self.id: int | None = None


class AuditLog:
    """Collects rows and writes them within a second; a full buffer is written at once.

    Attributes:
        counts: of all rows since the start.
        flushed: set when rows are next handed to the store; then there is another one.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self.counts = CallCounts()
        self.flushed = trio.Event()
        self._waiting: dict[int, _Open] = {}
        self._events: dict[tuple[object, ...], _Open] = {}
        self._wake = Wakeup()
        self._unpruned: dict[tuple[str, bool], int] = {}
        self._counted: deque[tuple[float, str, int]] = deque()

    def load(self) -> None:
        """Read what `last_day` counts, blocking: for the start."""
        marks = ", ".join("?" * len(COUNTED))
        query = f"SELECT at, action, count FROM audit WHERE action IN ({marks}) AND at > ? ORDER BY at"  # noqa: S608
        values = (*COUNTED, self._clock() - DAY_S)
        self._counted.extend(self._store.read_now(lambda connection: connection.execute(query, values).fetchall()))

    def add(
        self,
        principal: str,
        action: str,
        outcome: str,
        *,
        client: str | None = None,
        repo_id: str | None = None,
        profile: str | None = None,
        target: str | None = None,
        duration_ms: float = 0.0,
    ) -> None:
        """Record one call; never waits."""
        self.counts.add_call(action, outcome, duration_ms / 1000)
        words = _short(client), repo_id, profile, action, _short(target)
        row = AuditRow(self._clock(), principal, *words, outcome, duration_ms)
        self._put(_Open(row, is_call=True))

    def event(
        self,
        action: str,
        outcome: str = "ok",
        *,
        principal: str = "owner",
        client: str | None = None,
        repo_id: str | None = None,
        profile: str | None = None,
        target: str | None = None,
        count: int = 1,
    ) -> None:
        """Record an event that is no call, and log it at `info`; never waits.

        Equal events are counted in one row until there was none for five seconds, or for ten minutes. Of an
        unauthenticated client's events only the first few may differ in what they are about.
        """
        now = self._clock()
        self.counts.add_event(action, outcome, count)
        if action in COUNTED:
            self._count(now, action, count)
        words = _short(client), repo_id, profile, action, _short(target)
        row = AuditRow(now, principal, *words, outcome, 0.0, count)
        key = _key(row)
        if principal == NO_GRANT and key not in self._events and self._differing(action) >= MAX_TARGETS:
            row = replace(row, client=None, target=None)
            key = _key(row)
        found = self._events.get(key)
        if found is None or _is_over(found, now):
            found = self._events[key] = _Open(row, is_call=False)
            log.info(f"{row.action} %s", _describe(row))
        else:
            found.row = replace(found.row, count=found.row.count + count)
            found.last = now
        self._put(found)

    def last_day(self) -> dict[str, int]:
        """Return how often each counted event happened within the last 24 hours, by the name that `status` uses."""
        after = self._clock() - DAY_S
        while self._counted and self._counted[0][0] <= after:
            self._counted.popleft()
        found = dict.fromkeys(COUNTED.values(), 0)
        for _, action, count in self._counted:
            found[COUNTED[action]] += count
        return found

    def flush(self) -> None:
        """Hand what is waiting to the store, and finish the events that are over."""
        now = self._clock()
        for key, found in list(self._events.items()):
            if _is_over(found, now):
                del self._events[key]
                if found.row.count > 1:
                    log.info(f"{found.row.action} %s count=%d", _describe(found.row), found.row.count)
        if not self._waiting:
            return
        changed = [(found, found.row) for found in self._waiting.values()]
        self._waiting = {}
        pruned = self._due([found for found, _ in changed if not found.saved])
        for found, row in changed:
            found.saved = row.count
        self._store.write_later(lambda connection: _write(connection, changed, pruned))
        self.flushed.set()
        self.flushed = trio.Event()

    async def run(self) -> None:
        """Flush within a second of a row, until cancelled; then once more."""
        try:
            while True:
                await self._wake.wait()
                while self._waiting or self._events:
                    await trio.sleep(FLUSH_EVERY_S)
                    self.flush()
        finally:
            self.flush()

    def _put(self, found: _Open) -> None:
        self._waiting[id(found)] = found
        if len(self._waiting) >= MAX_WAITING:
            self.flush()
        self._wake.set()

    def _differing(self, action: str) -> int:
        return sum(found.row.action == action for found in self._events.values())

    def _count(self, now: float, action: str, count: int) -> None:
        if self._counted:
            at, last, before = self._counted[-1]
            if last == action and now - at < 60:  # by the minute, so that guesses cost no memory
                self._counted[-1] = (at, action, before + count)
                return
        self._counted.append((now, action, count))

    def _due(self, new: Iterable[_Open]) -> Mapping[tuple[str, bool], int]:
        """Return the kinds of rows that have grown enough to be pruned, each with how many are kept."""
        due = {}
        for found in new:
            kind = (found.row.action, found.row.principal == NO_GRANT)
            self._unpruned[kind] = self._unpruned.get(kind, 0) + 1
            if self._unpruned[kind] >= PRUNE_EVERY:
                self._unpruned[kind] = 0
                due[kind] = KEEP_CALLS if found.is_call else KEEP_EVENTS
        return due


_COLUMNS = ", ".join(field.name for field in fields(AuditRow))


def read_rows(
    connection: sqlite3.Connection,
    repo_id: str | None = None,
    *,
    since: float | None = None,
    client: str | None = None,
    outcome: str | None = None,
    action: str | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[tuple[int, AuditRow]]:
    """Return the newest rows with their numbers, newest first.

    Args:
        repo_id: only those of this repository.
        since: only those at or after this moment, in seconds since the epoch.
        client: only those of a client of this name (in any case), or of the principal with this id.
        outcome: only those with this outcome; `refused` stands for every one but `ok`.
        action: only those with this action, or whose action begins with it and a dot: `login` is all of `login.*`.
        after: only those with a greater number, and then the oldest of them, oldest first; to follow.
        before: only those with a smaller number; to page back.
        limit: how many at most.
    """
    where, values = ["id < ?"], [before if before is not None else 1 << 62]  # type: list[str], list[object]
    for condition, value in (("repo_id = ?", repo_id), ("at >= ?", since), ("id > ?", after)):
        if value is not None:
            where.append(condition)
            values.append(value)
    if client is not None:
        where.append("(principal = ? OR client = ? COLLATE NOCASE)")
        values += [client, client]
    if action is not None:
        where.append("(action = ? OR substr(action, 1, ?) = ?)")
        values += [action, len(action) + 1, action + "."]
    if outcome == "refused":
        where.append("outcome != 'ok'")
    elif outcome is not None:
        where.append("outcome = ?")
        values.append(outcome)
    order = "DESC" if after is None else "ASC"
    found = connection.execute(
        f"SELECT id, {_COLUMNS} FROM audit WHERE {' AND '.join(where)} ORDER BY id {order} LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [(number, AuditRow(*rest)) for number, *rest in found]


def _write(
    connection: sqlite3.Connection,
    changed: Iterable[tuple[_Open, AuditRow]],
    pruned: Mapping[tuple[str, bool], int],
) -> None:
    marks = ", ".join("?" * len(fields(AuditRow)))
    # A batch that the disk refused left a number that now stands for another row, or for none.
    same = "at = ? AND (action, principal, client, target) IS (?, ?, ?, ?)"
    for found, row in changed:
        counted = found.id is not None and connection.execute(
            f"UPDATE audit SET count = ? WHERE id = ? AND {same}",  # noqa: S608
            (row.count, found.id, row.at, row.action, row.principal, row.client, row.target),
        )
        if not counted or not counted.rowcount:
            statement = f"INSERT INTO audit ({_COLUMNS}) VALUES ({marks})"  # noqa: S608
            found.id = connection.execute(statement, astuple(row)).lastrowid
    for (action, has_no_grant), keep in pruned.items():
        connection.execute(
            "DELETE FROM audit WHERE action = :action AND (principal = :no_grant) = :has_no_grant AND id <= (SELECT id"
            " FROM audit WHERE action = :action AND (principal = :no_grant) = :has_no_grant"
            " ORDER BY id DESC LIMIT 1 OFFSET :keep)",
            {"action": action, "no_grant": NO_GRANT, "has_no_grant": has_no_grant, "keep": keep},
        )


def _is_over(found: _Open, now: float) -> bool:
    return not (found.last <= now < found.last + QUIET_S and now < found.row.at + LONGEST_S)


def _key(row: AuditRow) -> tuple[object, ...]:
    return (row.action, row.outcome, row.principal, row.client, row.repo_id, row.profile, row.target)


def _short(name: str | None) -> str | None:
    """Return a name from outside as it can be stored and printed."""
    return None if name is None else escape(name[:MAX_NAME_CHARS])


def _describe(row: AuditRow) -> str:
    shown = ("outcome", "principal", "client", "repo_id", "profile", "target")
    said = [f"{name}={value}" for name in shown if (value := getattr(row, name)) is not None]
    return " ".join(said)
