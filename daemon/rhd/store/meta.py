"""The installation's own secrets and identities."""

from __future__ import annotations

import secrets
import sqlite3


def get_or_make(connection: sqlite3.Connection, key: str, length_bytes: int = 32) -> bytes:
    """Return the value under `key`; random bytes of that length are stored there first if there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        value = secrets.token_bytes(length_bytes)
        connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
        return value
    return bytes(row[0])
