"""Rows of adopted repositories and of what is started on them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple


class RepoRow(NamedTuple):
    """One adopted repository; see the schema for what each column means."""

    id: str
    slug: str
    name: str
    path: str
    log: str
    passphrase: bytes
    adopted_at: float


def read_repos(connection: sqlite3.Connection) -> list[RepoRow]:
    """Return the repositories that are adopted now, oldest first."""
    found = connection.execute(
        "SELECT id, slug, name, path, log, passphrase, adopted_at FROM repos"
        " WHERE forgotten_at IS NULL ORDER BY adopted_at, id"
    )
    return [RepoRow(*row) for row in found]


def read_started(connection: sqlite3.Connection) -> list[tuple[str, str, dict[str, Any]]]:
    """Return `(repo_id, profile, options)` of every started profile."""
    found = connection.execute("SELECT repo_id, profile, options FROM started")
    return [(repo_id, profile, json.loads(options)) for repo_id, profile, options in found]


def read_reserved_slugs(connection: sqlite3.Connection) -> set[str]:
    """Return the slugs of forgotten repositories that a living grant still names."""
    found = connection.execute(
        "SELECT DISTINCT repos.slug FROM repos JOIN grant_profiles ON grant_profiles.repo_id = repos.id"
        " WHERE repos.forgotten_at IS NOT NULL"
    )
    return {slug for (slug,) in found}


def save_repo(connection: sqlite3.Connection, row: RepoRow) -> None:
    """Insert a repository, or bring back a forgotten one of the same id with these values."""
    # A forgotten repository that no living grant names gives its slug up to the newcomer.
    connection.execute("DELETE FROM repos WHERE slug = ? AND id != ? AND forgotten_at IS NOT NULL", (row.slug, row.id))
    connection.execute(
        "INSERT INTO repos (id, slug, name, path, log, passphrase, adopted_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, path = excluded.path,"
        " log = excluded.log, passphrase = excluded.passphrase, adopted_at = excluded.adopted_at, forgotten_at = NULL",
        row,
    )


def forget_repo(connection: sqlite3.Connection, repo_id: str, at: float) -> None:
    """Mark a repository forgotten and drop what only matters while it is adopted; grants keep naming it."""
    connection.execute("UPDATE repos SET forgotten_at = ? WHERE id = ?", (at, repo_id))
    for table in ("started", "artifacts", "changes", "heard", "writes"):
        connection.execute(f"DELETE FROM {table} WHERE repo_id = ?", (repo_id,))  # noqa: S608


def move_repo(connection: sqlite3.Connection, repo_id: str, path: str) -> None:
    """Record where a repository now is."""
    connection.execute("UPDATE repos SET path = ? WHERE id = ?", (path, repo_id))


def save_passphrase(connection: sqlite3.Connection, repo_id: str, digest: bytes) -> None:
    """Replace the digest of a repository's passphrase."""
    connection.execute("UPDATE repos SET passphrase = ? WHERE id = ?", (digest, repo_id))


def save_started(connection: sqlite3.Connection, repo_id: str, profile: str, options: dict[str, Any]) -> None:
    """Record that a profile is started."""
    connection.execute(
        "INSERT INTO started (repo_id, profile, options) VALUES (?, ?, ?)"
        " ON CONFLICT (repo_id, profile) DO UPDATE SET options = excluded.options",
        (repo_id, profile, json.dumps(options)),
    )


def delete_started(connection: sqlite3.Connection, repo_id: str, profile: str) -> None:
    """Record that a profile is stopped."""
    connection.execute("DELETE FROM started WHERE repo_id = ? AND profile = ?", (repo_id, profile))
