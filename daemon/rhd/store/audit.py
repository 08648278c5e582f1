"""Who called what: one row a call, batched; content, arguments and secrets never enter it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

import trio

from rhd.store.database import Store

FLUSH_EVERY_S = 1.0
MAX_WAITING = 512
KEEP_ROWS = 100_000
"""About 15 MB; the oldest rows go first."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row.

    Attributes:
        at: seconds since the epoch.
        principal: a grant's id, `owner`, or `-` for a stranger.
        repo_id: the repository concerned, or None.
        profile: the profile that acted, or None.
        action: a tool's or verb's name, or `login.wrong` and the like.
        target: a path of an artifact or a client's name, or None.
        outcome: `ok` or a code.
        duration_ms: how long it took.
        count: how many equal events this row stands for.
    """

    at: float
    principal: str
    repo_id: str | None
    profile: str | None
    action: str
    target: str | None
    outcome: str
    duration_ms: float
    count: int = 1


class AuditLog:
    """Collects rows and writes them a second later at most; a full buffer is written at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[AuditRow] = []
        self._wake = trio.Event()

    def add(
        self,
        principal: str,
        action: str,
        outcome: str,
        *,
        repo_id: str | None = None,
        profile: str | None = None,
        target: str | None = None,
        duration_ms: float = 0.0,
        count: int = 1,
    ) -> None:
        """Note one event; never waits."""
        self._waiting.append(
            AuditRow(time.time(), principal, repo_id, profile, action, target, outcome, duration_ms, count)
        )
        if len(self._waiting) >= MAX_WAITING:
            self.flush()
        elif len(self._waiting) == 1:
            self._wake.set()

    def flush(self) -> None:
        """Hand what is waiting to the store."""
        if self._waiting:
            rows, self._waiting = self._waiting, []
            self._store.write_later(lambda connection: _insert(connection, rows))

    async def run(self) -> None:
        """Flush a second after the first row of each batch, until cancelled; then once more."""
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                await trio.sleep(FLUSH_EVERY_S)
                self.flush()
        finally:
            self.flush()


def read_rows(
    connection: sqlite3.Connection, repo_id: str | None = None, *, before: int | None = None, limit: int = 100
) -> list[tuple[int, AuditRow]]:
    """Return the newest rows with their numbers, newest first; `before` pages back from a number."""
    where, values = ["id < ?"], [before if before is not None else 1 << 62]
    if repo_id is not None:
        where.append("repo_id = ?")
        values.append(repo_id)  # type: ignore[arg-type]
    columns = "at, principal, repo_id, profile, action, target, outcome, duration_ms, count"
    found = connection.execute(
        f"SELECT id, {columns} FROM audit WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [(number, AuditRow(*rest)) for number, *rest in found]


def _insert(connection: sqlite3.Connection, rows: Iterable[AuditRow]) -> None:
    connection.executemany(
        "INSERT INTO audit (at, principal, repo_id, profile, action, target, outcome, duration_ms, count)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (r.at, r.principal, r.repo_id, r.profile, r.action, r.target, r.outcome, r.duration_ms, r.count)
            for r in rows
        ],
    )
    (newest,) = connection.execute("SELECT max(id) FROM audit").fetchone()
    connection.execute("DELETE FROM audit WHERE id <= ?", (newest - KEEP_ROWS,))
