"""Rows of change logs and of the catalogs that they were found with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T", bound=str)

KEEP_CHANGES = 10_000
"""Per repository; a cursor from before the oldest kept one answers `reset`."""
KEEP_DELIVERED_S = 30 * 86400.0

# From `repos`, since one may have been forgotten meanwhile.
_BEGIN_DELIVERED = (
    "INSERT OR IGNORE INTO delivered (listener, repo_id, number, at) SELECT ?, id, ?, ? FROM repos WHERE id = ?"
)
_SAVE_DELIVERED = (
    "INSERT INTO delivered (listener, repo_id, number, at) SELECT ?, id, ?, ? FROM repos WHERE id = ?"
    " ON CONFLICT (listener, repo_id) DO UPDATE SET number = excluded.number, at = excluded.at"
)


class ChangeRow(NamedTuple):
    """One change; see the schema for what each column means."""

    number: int
    path: str
    kind: str
    change: str
    at: float
    via: str
    by: str | None = None


class Head(NamedTuple):
    """The end of a log: its newest recorded change, and the number up to which changes may have been told."""

    newest: ChangeRow | None
    reserved: int


class ArtifactRow(NamedTuple):
    """What the catalog remembers of one artifact."""

    path: str
    signature: str
    facts: str


def read_artifacts(connection: sqlite3.Connection, repo_id: str) -> list[ArtifactRow]:
    """Return a repository's catalog as last announced."""
    found = connection.execute("SELECT path, signature, facts FROM artifacts WHERE repo_id = ?", (repo_id,))
    return [ArtifactRow(*row) for row in found]


def save_refresh(
    connection: sqlite3.Connection,
    repo_id: str,
    log: str,
    saved: Iterable[ArtifactRow],
    removed: Iterable[str],
    changes: Sequence[ChangeRow],
    reserved: int = 0,
) -> bool:
    """Record what a refresh found: the catalog's rows and the changes between them, in one transaction.

    Together, because a change whose catalog row was lost would be announced again after a restart, and a row whose
    change was lost would never be announced at all. It may be carried out twice: whether a call that timed out
    was carried out is not known.

    Returns:
        False, and nothing is recorded, if the repository was forgotten and this log with it: adopted again it has
        another, in which numbers of the one before have no place.
    """
    current = "SELECT 1 FROM repos WHERE id = ? AND log = ? AND forgotten_at IS NULL"
    if connection.execute(current, (repo_id, log)).fetchone() is None:
        return False
    connection.executemany(
        "INSERT INTO artifacts (repo_id, path, signature, facts) VALUES (?, ?, ?, ?) ON CONFLICT (repo_id, path)"
        " DO UPDATE SET signature = excluded.signature, facts = excluded.facts",
        [(repo_id, *row) for row in saved],
    )
    connection.executemany(
        "DELETE FROM artifacts WHERE repo_id = ? AND path = ?", [(repo_id, path) for path in removed]
    )
    connection.executemany(
        "INSERT INTO changes (repo_id, number, path, kind, change, at, via, by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (repo_id, number) DO NOTHING",
        [(repo_id, *row) for row in changes],
    )
    if changes:
        connection.execute(
            "DELETE FROM changes WHERE repo_id = ? AND number <= ?", (repo_id, changes[-1].number - KEEP_CHANGES)
        )
        reserve_numbers(connection, {repo_id: reserved})
    return True


def reserve_numbers(connection: sqlite3.Connection, reserved: Mapping[Any, int]) -> None:
    """Record, by repository, the number up to which changes may be told before they are recorded."""
    connection.executemany(
        "UPDATE repos SET reserved = max(reserved, ?) WHERE id = ?",
        [(number, repo_id) for repo_id, number in reserved.items()],
    )


def release_numbers(connection: sqlite3.Connection, newest: Mapping[Any, int]) -> None:
    """Record, by repository, the number of the last change that was told: the rest of what was reserved is free."""
    connection.executemany(
        "UPDATE repos SET reserved = ? WHERE id = ?", [(number, repo_id) for repo_id, number in newest.items()]
    )


def read_heads(connection: sqlite3.Connection) -> dict[str, Head]:
    """Return the end of every adopted repository's log."""
    # One seek a log, whatever its length; a plain JOIN's order is the planner's choice.
    found = connection.execute(
        "SELECT repos.id, repos.reserved, newest.number, newest.path, newest.kind, newest.change, newest.at,"
        " newest.via, newest.by FROM repos LEFT JOIN changes AS newest ON newest.repo_id = repos.id"
        " AND newest.number = (SELECT max(number) FROM changes WHERE repo_id = repos.id)"
        " WHERE repos.forgotten_at IS NULL"
    )
    return {
        repo_id: Head(None if newest[0] is None else ChangeRow(*newest), reserved)
        for repo_id, reserved, *newest in found
    }


def read_changes(connection: sqlite3.Connection, repo_id: str, after: int, limit: int) -> list[ChangeRow]:
    """Return at most `limit` changes numbered above `after`, oldest first."""
    found = connection.execute(
        "SELECT number, path, kind, change, at, via, by FROM changes"
        " WHERE repo_id = ? AND number > ? ORDER BY number LIMIT ?",
        (repo_id, after, limit),
    )
    return [ChangeRow(*row) for row in found]


def read_newest_changes(connection: sqlite3.Connection, repo_id: str, last: int, limit: int) -> list[ChangeRow]:
    """Return the newest changes numbered up to `last`, at most `limit`, oldest first."""
    found = connection.execute(
        "SELECT number, path, kind, change, at, via, by FROM changes"
        " WHERE repo_id = ? AND number <= ? ORDER BY number DESC LIMIT ?",
        (repo_id, last, limit),
    )
    return [ChangeRow(*row) for row in found][::-1]


def sure_numbers(connection: sqlite3.Connection, told: Mapping[T, int], before: float) -> dict[T, int]:
    """Return, per repository, the newest change up to the one told that came before a moment; 0 if there is none."""
    query = "SELECT max(number) FROM changes WHERE repo_id = ? AND number <= ? AND at < ?"
    return {
        repo_id: connection.execute(query, (repo_id, number, before)).fetchone()[0] or 0
        for repo_id, number in told.items()
    }


def save_delivered(
    connection: sqlite3.Connection, listener: str, told: Mapping[Any, int], at: float, *, is_first: bool = False
) -> None:
    """Record how far a listener has been told, and forget those that have not come back for a month.

    Args:
        told: the number of a change by repository.
        at: now.
        is_first: what is recorded already stays.
    """
    connection.executemany(
        _BEGIN_DELIVERED if is_first else _SAVE_DELIVERED,
        [(listener, number, at, repo_id) for repo_id, number in told.items()],
    )
    connection.execute("DELETE FROM delivered WHERE at < ?", (at - KEEP_DELIVERED_S,))


def delete_delivered(connection: sqlite3.Connection, listener: str) -> None:
    """Forget how far a listener has been told."""
    connection.execute("DELETE FROM delivered WHERE listener = ?", (listener,))


def read_delivered(connection: sqlite3.Connection, listener: str) -> dict[Any, int]:
    """Return, per repository id, how far a listener has been told."""
    return dict(connection.execute("SELECT repo_id, number FROM delivered WHERE listener = ?", (listener,)))
