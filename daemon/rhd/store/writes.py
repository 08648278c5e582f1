"""Rows of what tools wrote: whose revision stands at a path, and which creates may be repeated."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

KEEP_CREATES_S = 3600.0
"""Older creates are deleted as new ones are recorded; what counts as a repeat is younger by far."""


class CreateRow(NamedTuple):
    """What a create wrote, or was about to write; see the schema for what each column means."""

    path: str
    revision: str
    created: bool
    said: str
    at: float


def save_write(connection: sqlite3.Connection, repo_id: str, path: str, tool: str, revision: str) -> None:
    """Record which tool wrote the revision that is now at a path."""
    connection.execute(
        "INSERT OR REPLACE INTO writes (repo_id, path, tool, revision) VALUES (?, ?, ?, ?)",
        (repo_id, path, tool, revision),
    )


def read_revision(connection: sqlite3.Connection, repo_id: str, path: str, tool: str) -> str | None:
    """Return the revision that `tool` wrote to `path`, if no other tool has written there since."""
    row = connection.execute(
        "SELECT revision FROM writes WHERE repo_id = ? AND path = ? AND tool = ?", (repo_id, path, tool)
    ).fetchone()
    return row[0] if row is not None else None


def save_create(
    connection: sqlite3.Connection, repo_id: str, caller: str, tool: str, digest: bytes, row: CreateRow
) -> None:
    """Record a create in place of an earlier one with equal arguments, and delete those that are too old to matter."""
    connection.execute("DELETE FROM creates WHERE repo_id = ? AND at < ?", (repo_id, row.at - KEEP_CREATES_S))
    connection.execute(
        "INSERT OR REPLACE INTO creates (repo_id, caller, tool, digest, path, revision, created, said, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (repo_id, caller, tool, digest, *row),
    )


def delete_create(connection: sqlite3.Connection, repo_id: str, caller: str, tool: str, digest: bytes) -> None:
    """Forget a create that wrote nothing."""
    connection.execute(
        "DELETE FROM creates WHERE repo_id = ? AND caller = ? AND tool = ? AND digest = ?",
        (repo_id, caller, tool, digest),
    )


def read_create(
    connection: sqlite3.Connection, repo_id: str, caller: str, tool: str, digest: bytes, *, since: float
) -> CreateRow | None:
    """Return what the same caller created with equal arguments since a moment."""
    row = connection.execute(
        "SELECT path, revision, created, said, at FROM creates"
        " WHERE repo_id = ? AND caller = ? AND tool = ? AND digest = ? AND at > ?",
        (repo_id, caller, tool, digest, since),
    ).fetchone()
    return CreateRow(row[0], row[1], bool(row[2]), row[3], row[4]) if row is not None else None
