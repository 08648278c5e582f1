"""Rows of the sessions of the 2025 revision, which outlive the daemon. Ids are kept as digests."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

MAX_URIS = 1000
"""How many subscriptions of a session are kept."""


class SessionRow(NamedTuple):
    """One session; see the schema for what each column means."""

    digest: bytes
    endpoint: str
    grant_id: str
    parameters: bytes
    used_at: float
    ended_at: float | None = None


class SessionState(NamedTuple):
    """What a session is opened with again: the parameters of `initialize`, and the URIs subscribed to."""

    parameters: bytes
    uris: list[str]


_COLUMNS = "digest, endpoint, grant_id, parameters, used_at, ended_at"


def read_sessions(connection: sqlite3.Connection, endpoint: str) -> list[SessionRow]:
    """Return the sessions of an endpoint, the least recently used first, without their parameters."""
    found = connection.execute(
        "SELECT digest, endpoint, grant_id, x'', used_at, ended_at FROM sessions WHERE endpoint = ? ORDER BY used_at",
        (endpoint,),
    )
    return [SessionRow(*row) for row in found]


def read_session_state(connection: sqlite3.Connection, digest: bytes) -> SessionState | None:
    """Return what a session is opened with again."""
    row = connection.execute("SELECT parameters FROM sessions WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        return None
    uris = connection.execute("SELECT uri FROM session_uris WHERE session = ? ORDER BY uri", (digest,))
    return SessionState(row[0], [uri for (uri,) in uris])


def save_session(connection: sqlite3.Connection, row: SessionRow) -> None:
    """Insert a session."""
    connection.execute(f"INSERT INTO sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608


def touch_session(connection: sqlite3.Connection, digest: bytes, at: float) -> None:
    """Record when a session was last used."""
    connection.execute("UPDATE sessions SET used_at = ? WHERE digest = ?", (at, digest))


def end_session(connection: sqlite3.Connection, digest: bytes, at: float) -> None:
    """Mark a session ended and drop what it would be opened with again."""
    connection.execute("UPDATE sessions SET ended_at = ?, parameters = x'' WHERE digest = ?", (at, digest))
    connection.execute("DELETE FROM session_uris WHERE session = ?", (digest,))


def save_uri(connection: sqlite3.Connection, digest: bytes, uri: str) -> None:
    """Record a subscription, up to `MAX_URIS` a session; a session that is gone has none."""
    connection.execute(
        "INSERT OR IGNORE INTO session_uris (session, uri) SELECT digest, :uri FROM sessions WHERE digest = :digest"
        " AND ended_at IS NULL AND (SELECT count(*) FROM session_uris WHERE session = :digest) < :most",
        {"digest": digest, "uri": uri, "most": MAX_URIS},
    )


def delete_uri(connection: sqlite3.Connection, digest: bytes, uri: str) -> None:
    """Delete a subscription."""
    connection.execute("DELETE FROM session_uris WHERE session = ? AND uri = ?", (digest, uri))


def delete_sessions(connection: sqlite3.Connection, digests: list[bytes]) -> None:
    """Delete sessions, their subscriptions included."""
    connection.executemany("DELETE FROM sessions WHERE digest = ?", [(digest,) for digest in digests])


def delete_sessions_of(connection: sqlite3.Connection, grant_id: str) -> None:
    """Delete every session of a grant."""
    connection.execute("DELETE FROM sessions WHERE grant_id = ?", (grant_id,))
