"""Every released schema's database must load for ever. tests/rhd/store/data/schema-N.sql is what release N wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from rhd.store.database import Store
from rhd.store.repo_rows import read_repos, read_slugs, read_started
from rhd.store.schema import MIGRATIONS

DATA = Path(__file__).parent / "data"
KEPT = sorted(DATA.glob("schema-*.sql"))


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of our tables."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def shape(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """Return every table's columns, in order, and every index."""
    found = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in tables(connection)}
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
    return {**found, "indexes": indexes.fetchall()}


def rows(connection: sqlite3.Connection, names: list[str]) -> dict[str, list[Any]]:
    """Return everything that is in some tables."""
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> sqlite3.Connection:
    """A database as that release left it."""
    connection = sqlite3.connect(tmp_path / "db")
    connection.executescript(request.param.read_text("utf-8"))
    return connection


def test_every_schema_up_to_this_one_is_kept() -> None:
    """scripts/schema.py writes what is missing."""
    assert [path.name for path in KEPT] == [f"schema-{n}.sql" for n in range(1, len(MIGRATIONS) + 1)]


def test_a_kept_database_has_a_row_of_every_kind(old: sqlite3.Connection) -> None:
    """Or the next test would hold of tables that it says nothing of."""
    assert [name for name, found in rows(old, tables(old)).items() if not found] == []
    old.close()


def test_a_database_of_a_released_schema_loads_with_what_is_in_it(old: sqlite3.Connection, tmp_path: Path) -> None:
    names = tables(old)
    before = rows(old, names)
    old.close()
    store = Store.open(str(tmp_path / "db"))
    after = store.read_now(lambda c: rows(c, names))
    for name in names:  # a later schema may have added columns; they come last
        assert [row[: len(kept)] for row, kept in zip(after[name], before[name], strict=True)] == before[name], name
    assert store.read_now(lambda c: c.execute("PRAGMA foreign_key_check").fetchall()) == []
    assert store.read_now(lambda c: c.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    fresh = Store.open(str(tmp_path / "fresh"))
    assert store.read_now(shape) == fresh.read_now(shape)


def test_what_a_released_schema_kept_still_means_the_same(old: sqlite3.Connection, tmp_path: Path) -> None:
    old.close()
    store = Store.open(str(tmp_path / "db"))
    (repo,) = store.read_now(read_repos)
    assert (repo.slug, repo.path) == ("garden", "/home/ada/garden")
    assert store.read_now(read_slugs) == {repo.id: "garden", "r-5LmNcV7bYh0": "shed"}
    assert ("orchestrator", {"agents": ["codex", "claude"]}) in [s[1:] for s in store.read_now(read_started)]
