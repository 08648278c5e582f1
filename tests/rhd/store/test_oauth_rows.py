"""Rows of clients, grants, answered logins and tokens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhd.store import oauth_rows as rows
from rhd.store.database import Store
from rhd.store.repo_rows import RepoRow, save_repo


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store = Store.open(str(tmp_path / "rhd.db"))
    reader, connection = store._connections
    for number in (1, 2):
        save_repo(connection, RepoRow(f"r{number}", f"slug{number}", "n", f"/r{number}", "log", b"p%d" % number, 1.0))
    rows.save_client(connection, rows.ClientRow("c", "Client", {"redirect_uris": ["x"]}, 1.0))
    grant = rows.GrantRow("g", "c", "hub", True, 1.0, 1.0)
    rows.save_grant(connection, grant, [("r1", "planner"), ("r2", "planner")])
    rows.save_token(connection, rows.TokenRow(b"a", "access", "g", 1.0, 100.0))
    rows.save_token(connection, rows.TokenRow(b"r", "refresh", "g", 1.0, 1000.0))
    yield connection
    reader.close()
    connection.close()


def test_what_is_saved_is_read(connection: sqlite3.Connection) -> None:
    assert rows.read_clients(connection) == [rows.ClientRow("c", "Client", {"redirect_uris": ["x"]}, 1.0)]
    assert rows.read_grants(connection) == [rows.GrantRow("g", "c", "hub", 1, 1.0, 1.0)]
    assert set(rows.read_profiles(connection)) == {("g", "r1", "planner", 1.0), ("g", "r2", "planner", 1.0)}
    assert {t.digest for t in rows.read_tokens(connection)} == {b"a", b"r"}
    assert rows.read_token(connection, b"r") == rows.TokenRow(b"r", "refresh", "g", 1.0, 1000.0)
    assert rows.read_token(connection, b"?") is None


def test_a_client_that_is_known_keeps_its_first_date(connection: sqlite3.Connection) -> None:
    rows.save_client(connection, rows.ClientRow("c", "Renamed", {"redirect_uris": []}, 99.0))
    assert rows.read_clients(connection) == [rows.ClientRow("c", "Renamed", {"redirect_uris": []}, 1.0)]
    assert len(rows.read_grants(connection)) == 1


def test_a_grant_takes_what_hangs_on_it_along(connection: sqlite3.Connection) -> None:
    rows.delete_grants(connection, ["g"])
    assert rows.read_grants(connection) == rows.read_profiles(connection) == rows.read_tokens(connection) == []
    assert len(rows.read_clients(connection)) == 1


def test_a_client_takes_its_grants_along(connection: sqlite3.Connection) -> None:
    rows.delete_client(connection, "c")
    assert rows.read_clients(connection) == rows.read_grants(connection) == rows.read_tokens(connection) == []


def test_a_grant_without_repositories_ends(connection: sqlite3.Connection) -> None:
    rows.delete_profiles(connection, ["g"], "r1")
    assert rows.read_profiles(connection) == [("g", "r2", "planner", 1.0)]
    rows.delete_profiles(connection, ["g"], "r2")
    assert rows.read_grants(connection) == []


def test_a_forgotten_repository_has_no_passphrase(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE repos SET forgotten_at = 5 WHERE id = 'r1'")
    assert rows.read_passphrase(connection, "r1") is None
    assert rows.read_passphrase(connection, "r2") == b"p2"


def test_one_login_has_one_answer(connection: sqlite3.Connection) -> None:
    row = rows.LoginRow("q", "g", "http://x/", "challenge", 1.0)
    rows.save_login(connection, row)
    with pytest.raises(sqlite3.IntegrityError):
        rows.save_login(connection, row._replace(grant_id=None))
    assert rows.read_login(connection, "q") == row
    assert rows.read_codes(connection) == []
    rows.save_code(connection, "q", b"first", 60.0)
    rows.save_code(connection, "q", b"second", 61.0)
    assert rows.read_login_of_code(connection, b"first") is None
    rows.use_code(connection, b"second", 5.0)
    assert rows.read_login_of_code(connection, b"second") == row._replace(code=b"second", expires_at=61.0, used_at=5.0)
    assert rows.read_codes(connection) == [b"second"]


def test_an_answer_outlives_its_grant(connection: sqlite3.Connection) -> None:
    rows.save_login(connection, rows.LoginRow("q", "g", "http://x/", "challenge", 1.0))
    rows.delete_grants(connection, ["g"])
    assert rows.read_login(connection, "q") is not None


def test_the_newest_tokens_of_a_kind_are_kept_in_the_order_of_issue(connection: sqlite3.Connection) -> None:
    for number in range(5):
        rows.save_token(connection, rows.TokenRow(b"a%d" % number, "access", "g", -float(number), 100.0))
    dropped = rows.trim_tokens(connection, "g", "access", 2)
    assert set(dropped) == {b"a", b"a0", b"a1", b"a2"}
    assert {t.digest for t in rows.read_tokens(connection)} == {b"a3", b"a4", b"r"}


def test_a_sweep_takes_what_can_no_longer_matter(connection: sqlite3.Connection) -> None:
    rows.use_token(connection, b"r", 10.0, b"salt")
    for id_, grant, at in (("old", "g", 1.0), ("gone", "x", 1.0), ("denied", None, 1.0), ("new", "x", 50.0)):
        rows.save_login(connection, rows.LoginRow(id_, grant, "", "", at))
    rows.sweep(connection, expired_before=500.0, decided_before=20.0, salted_before=10.0, unused_before=0.0)
    assert rows.read_tokens(connection) == [rows.TokenRow(b"r", "refresh", "g", 1.0, 1000.0, 10.0, b"salt")]
    assert {r for (r,) in connection.execute("SELECT request_id FROM logins")} == {"old", "new"}
    rows.sweep(connection, expired_before=2000.0, decided_before=100.0, salted_before=11.0, unused_before=0.0)
    assert rows.read_tokens(connection) == rows.read_grants(connection) == []
    assert connection.execute("SELECT * FROM logins").fetchall() == []
    assert len(rows.read_clients(connection)) == 1


def test_a_sweep_ends_grants_that_are_not_used(connection: sqlite3.Connection) -> None:
    nothing = {"expired_before": 0.0, "decided_before": 0.0, "salted_before": 0.0}
    rows.sweep(connection, **nothing, unused_before=1.0)
    assert len(rows.read_grants(connection)) == 1
    rows.sweep(connection, **nothing, unused_before=1.1)
    assert rows.read_grants(connection) == rows.read_tokens(connection) == []


def test_last_uses_are_recorded_together(connection: sqlite3.Connection) -> None:
    rows.touch_grants(connection, [("g", 77.0), ("gone", 78.0)])
    assert [g.used_at for g in rows.read_grants(connection)] == [77.0]
