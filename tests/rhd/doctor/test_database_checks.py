from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rhd.doctor.database_checks import examine_database
from rhd.store.database import Store


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A database of ours."""
    path = str(tmp_path / "rhd.sqlite3")
    for connection in Store.open(path)._connections:
        connection.close()
    return path


def examine(path: str) -> dict[str, dict[str, Any]]:
    return {finding.id: finding.to_json() for finding in examine_database(path)}


def record(path: str, at: float, *, action: str = "repo.adopt", outcome: str = "ok", target: str = "") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO audit (at, principal, action, target, outcome, duration_ms) VALUES (?, '-', ?, ?, ?, 0)",
            (at, action, target, outcome),
        )
        connection.commit()


def test_none_yet_and_one_of_ours_are_fine(tmp_path: Path, path: str) -> None:
    assert list(examine(str(tmp_path / "none"))) == ["database.new"]
    assert list(examine(path)) == ["database.ok", "clock.ok", "redirects.ok"]


def test_a_newer_version_and_what_is_no_database_are_told_apart(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    assert list(examine(path)) == ["database.newer"]
    for suffix in ("-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)
    for data in (b"SQLite format 3\0" + b"\xff" * 5000, b"no database at all\n" * 100):
        Path(path).write_bytes(data)
        assert list(examine(path)) == ["database.unreadable"]


def test_a_database_with_a_broken_page_is_damaged_until_a_backup_is_back(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (a); CREATE INDEX i ON t (a);")
        connection.executemany("INSERT INTO t VALUES (?)", [(f"{n:0500}",) for n in range(200)])
        connection.commit()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'i'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    backup = path.read_bytes()
    assert list(examine(str(path))) == ["database.ok"]
    path.write_bytes(backup[: (page - 1) * size] + b"\x55" * size + backup[page * size :])
    assert "backup" in examine(str(path))["database.damaged"]["next_step"]
    path.write_bytes(backup)
    assert list(examine(str(path))) == ["database.ok"]


def test_a_clock_that_was_set_back_is_found(path: str) -> None:
    record(path, time.time() + 7200)
    assert "1:59:" in examine(path)["clock.behind"]["message"]


def test_a_redirect_that_was_refused_lately_is_named_and_an_old_one_is_not(path: str) -> None:
    refused = {"action": "client.register", "outcome": "invalid_redirect_uri", "target": "https://new.example/cb"}
    record(path, time.time() - 8 * 86_400, **refused)
    assert "redirects.ok" in examine(path)
    record(path, time.time(), **refused)
    finding = examine(path)["redirects.refused"]
    assert "https://new.example/cb" in finding["next_step"]
