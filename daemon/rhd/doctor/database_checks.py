"""Checks of the database and of what it has recorded. Work with the daemon down: it is only read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from rhd.store.schema import MIGRATIONS
from rhwire.findings import Finding

REFUSED_WITHIN_S = 7 * 86_400.0
CLOCK_SLACK_S = 60.0


def examine_database(path: str) -> Iterator[Finding]:
    """Yield the findings about a database: it opens, is whole, of a version that is known, and not of the future."""
    if not os.path.isfile(path):  # noqa: TID251 - the daemon's own database; sqlite would say no more than "unable"
        yield Finding("database.new", path=path)
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (word,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if version > len(MIGRATIONS):
                yield Finding("database.newer", path=path)
                return
            if word != "ok":
                yield Finding("database.damaged", path=path, reason=word)
                return
            yield Finding("database.ok", path=path)
            if version:
                yield from _recorded(connection)
    except sqlite3.Error as error:
        yield Finding("database.unreadable", path=path, reason=error)


def _recorded(connection: sqlite3.Connection) -> Iterator[Finding]:
    now = time.time()
    (newest,) = connection.execute("SELECT max(at) FROM audit").fetchone()
    if newest is not None and newest > now + CLOCK_SLACK_S:
        yield Finding("clock.behind", behind=timedelta(seconds=int(newest - now)))
    else:
        yield Finding("clock.ok")
    refused = connection.execute(
        "SELECT sum(count), target, max(id) FROM audit WHERE action = 'client.register'"
        " AND outcome = 'invalid_redirect_uri' AND at > ?",
        (now - REFUSED_WITHIN_S,),
    ).fetchone()
    if refused[0]:
        yield Finding("redirects.refused", count=refused[0], uri=refused[1])
    else:
        yield Finding("redirects.ok")
