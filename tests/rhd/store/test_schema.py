"""Every released schema's database must load for ever. tests/rhd/store/data/schema-N.sql is what release N wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rhd.store.database import Store
from rhd.store.schema import MIGRATIONS

DATA = Path(__file__).parent / "data"
KEPT = sorted(DATA.glob("schema-*.sql"))


def shape(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return every table's columns, in order."""
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {n: connection.execute(f"PRAGMA table_info({n})").fetchall() for n in names}


def test_every_schema_up_to_this_one_is_kept() -> None:
    assert [p.name for p in KEPT] == [f"schema-{n}.sql" for n in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.parametrize("file", KEPT, ids=lambda p: p.stem)
def test_a_database_of_a_released_schema_loads_with_what_is_in_it(file: Path, tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "db")
    old.executescript(file.read_text())
    before = {
        name: old.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    }
    old.close()
    assert before["repos"] == 2
    store = Store.open(str(tmp_path / "db"))
    after = {
        name: store.read_now(lambda c, n=name: c.execute(f"SELECT count(*) FROM {n}").fetchone()[0]) for name in before
    }
    assert after == before
    assert store.read_now(lambda c: c.execute("PRAGMA foreign_key_check").fetchall()) == []
    fresh = Store.open(str(tmp_path / "fresh"))
    assert store.read_now(shape) == fresh.read_now(shape)
