from __future__ import annotations

import sqlite3

import pytest

from rhd.store.change_rows import ArtifactRow, ChangeRow, read_artifacts, read_heads, save_delivered, save_refresh
from rhd.store.repo_rows import (
    RepoRow,
    delete_started,
    forget_repo,
    move_repo,
    read_repos,
    read_slugs,
    read_started,
    save_passphrase,
    save_repo,
    save_started,
)


def row(name: str, *, slug: str | None = None, path: str | None = None, at: float = 0.0) -> RepoRow:
    return RepoRow(name, slug or name, name.title(), path or f"/{name}", f"log-{name}", b"digest", at)


def grant(connection: sqlite3.Connection, repo_id: str) -> None:
    connection.execute("INSERT OR IGNORE INTO clients VALUES ('c', 'C', '{}', 0)")
    connection.execute("INSERT OR IGNORE INTO grants VALUES ('g', 'c', 'hub', 1, 0, x'', 0, 0)")
    connection.execute("INSERT INTO grant_profiles VALUES ('g', ?, 'planner', 0)", (repo_id,))


def test_repositories_are_read_back_oldest_first(connection: sqlite3.Connection) -> None:
    for each in (row("b", at=2.0), row("a", at=1.0)):
        save_repo(connection, each)
    assert read_repos(connection) == [row("a", at=1.0), row("b", at=2.0)]


def test_a_repository_moves_and_changes_its_passphrase(connection: sqlite3.Connection) -> None:
    save_repo(connection, row("a"))
    move_repo(connection, "a", "/elsewhere", (1, 2))
    save_passphrase(connection, "a", b"other")
    assert read_repos(connection) == [row("a", path="/elsewhere")._replace(passphrase=b"other", device=1, inode=2)]


def test_what_is_started_is_kept_with_its_options(connection: sqlite3.Connection) -> None:
    save_repo(connection, row("a"))
    save_started(connection, "a", "planner", {})
    save_started(connection, "a", "orchestrator", {"agents": ["codex"]})
    save_started(connection, "a", "orchestrator", {"agents": ["claude"]})
    assert sorted(read_started(connection), key=str) == [
        ("a", "orchestrator", {"agents": ["claude"]}),
        ("a", "planner", {}),
    ]
    delete_started(connection, "a", "orchestrator")
    assert read_started(connection) == [("a", "planner", {})]


def test_forgetting_drops_what_only_matters_while_it_is_adopted(connection: sqlite3.Connection) -> None:
    save_repo(connection, row("a"))
    grant(connection, "a")
    save_started(connection, "a", "planner", {})
    change = ChangeRow(1, "plans/a.md", "plan", "added", 0.0, "event")
    save_refresh(connection, "a", row("a").log, [ArtifactRow("plans/a.md", "s", "{}")], [], [change])
    save_delivered(connection, "g", {"a": 1}, 0.0)
    forget_repo(connection, "a", 5.0)
    assert read_repos(connection) == []
    assert read_started(connection) == []
    assert (read_artifacts(connection, "a"), read_heads(connection)) == ([], {})
    for table in ("grant_profiles", "grants"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert read_slugs(connection) == {"a": "a"}, "the audit can go on naming it"


def test_a_grant_that_reaches_another_repository_outlives_a_forgotten_one(connection: sqlite3.Connection) -> None:
    for name in ("a", "b"):
        save_repo(connection, row(name))
        grant(connection, name)
    forget_repo(connection, "a", 5.0)
    assert connection.execute("SELECT grant_id, repo_id FROM grant_profiles").fetchall() == [("g", "b")]
    assert connection.execute("SELECT count(*) FROM grants").fetchone() == (1,)


def test_a_newcomer_gets_the_slug_and_the_path_of_a_forgotten_one(connection: sqlite3.Connection) -> None:
    save_repo(connection, row("a"))
    forget_repo(connection, "a", 5.0)
    save_repo(connection, row("new", slug="a", path="/a"))
    assert [each.id for each in read_repos(connection)] == ["new"]


def test_an_id_that_is_used_again_brings_no_grant_back(connection: sqlite3.Connection) -> None:
    save_repo(connection, row("a"))
    grant(connection, "a")
    forget_repo(connection, "a", 5.0)
    save_repo(connection, row("a", path="/elsewhere"))
    assert read_repos(connection) == [row("a", path="/elsewhere")]
    assert connection.execute("SELECT repo_id FROM grant_profiles").fetchall() == []


@pytest.mark.parametrize("twin", [row("b", slug="a"), row("b", path="/a")])
def test_two_adopted_ones_never_share_a_slug_or_a_path(connection: sqlite3.Connection, twin: RepoRow) -> None:
    save_repo(connection, row("a"))
    with pytest.raises(sqlite3.IntegrityError):
        save_repo(connection, twin)
