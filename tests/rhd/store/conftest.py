from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from rhd.store.repo_rows import RepoRow, save_repo
from rhd.store.schema import MIGRATIONS


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory with the newest schema and nothing in it, as the writer's connection sees it."""
    with sqlite3.connect(":memory:") as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        for script in MIGRATIONS:
            opened.executescript(script)
        yield opened
    opened.close()


@pytest.fixture
def adopted(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The same with the repositories `a` and `b`."""
    for name in ("a", "b"):
        save_repo(connection, RepoRow(name, name, name, f"/{name}", "log", b"", 0.0))
    return connection
