"""The row of a trial login, and the removal of everything that such a login has left in the database.

The row is written before the login is granted. So what a daemon that was killed leaves behind is known to the next one.
"""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

_KEY = "oauth.trial"


class TrialRow(NamedTuple):
    """Whose login it is, and which."""

    client_id: str
    login_id: str


def save_trial(connection: sqlite3.Connection, row: TrialRow) -> None:
    """Record a trial login, in place of one before."""
    value = json.dumps(row).encode()
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_KEY, value))


def delete_trial(connection: sqlite3.Connection) -> TrialRow | None:
    """Delete the trial login that is recorded: its client, grants, tokens, sessions and its answer; return its row."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    if found is None:
        return None
    trial = TrialRow(*json.loads(found[0]))
    of_client = "(SELECT id FROM grants WHERE client_id = ?)"
    connection.execute(f"DELETE FROM sessions WHERE grant_id IN {of_client}", (trial.client_id,))  # noqa: S608
    connection.execute(f"DELETE FROM delivered WHERE listener IN {of_client}", (trial.client_id,))  # noqa: S608
    connection.execute("DELETE FROM clients WHERE id = ?", (trial.client_id,))  # grants and tokens go with it
    connection.execute("DELETE FROM logins WHERE request_id = ?", (trial.login_id,))
    connection.execute("DELETE FROM meta WHERE key = ?", (_KEY,))
    return trial
