"""Rows of what our tools wrote: repeating a call then changes nothing, and replacing our own text needs no revision."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class WriteRow(NamedTuple):
    """The last write of a tool to a path; see the schema for what each column means."""

    path: str
    tool: str
    principal: str
    arguments: bytes
    revision: str
    result: str
    at: float


_COLUMNS = "path, tool, principal, arguments, revision, result, at"


def save_write(connection: sqlite3.Connection, repo_id: str, row: WriteRow) -> None:
    """Record a write in place of the one before to the same path."""
    connection.execute(
        f"INSERT OR REPLACE INTO writes (repo_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (repo_id, *row),
    )


def read_revision(connection: sqlite3.Connection, repo_id: str, path: str, tool: str) -> str | None:
    """Return the revision that `tool` last wrote to `path`."""
    row = connection.execute(
        "SELECT revision FROM writes WHERE repo_id = ? AND path = ? AND tool = ?", (repo_id, path, tool)
    ).fetchone()
    return row[0] if row is not None else None


def read_repeated(
    connection: sqlite3.Connection, repo_id: str, principal: str, tool: str, arguments: bytes, since: float
) -> WriteRow | None:
    """Return the newest write that the same caller asked for in the same words since a moment."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM writes WHERE repo_id = ? AND principal = ? AND tool = ? AND arguments = ? AND at > ?"  # noqa: S608
        " ORDER BY at DESC LIMIT 1",
        (repo_id, principal, tool, arguments, since),
    ).fetchone()
    return WriteRow(*row) if row is not None else None
