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
    device: int = 0
    inode: int = 0


def read_repos(connection: sqlite3.Connection) -> list[RepoRow]:
    """Return the repositories that are adopted now, oldest first."""
    found = connection.execute(
        "SELECT id, slug, name, path, log, passphrase, adopted_at, device, inode FROM repos"
        " WHERE forgotten_at IS NULL ORDER BY adopted_at, id"
    )
    return [RepoRow(*row) for row in found]


def read_started(connection: sqlite3.Connection) -> list[tuple[str, str, dict[str, Any]]]:
    """Return `(repo_id, profile, options)` of every started profile."""
    found = connection.execute("SELECT repo_id, profile, options FROM started")
    return [(repo_id, profile, json.loads(options)) for repo_id, profile, options in found]


def read_slugs(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the slug of every repository by its id, those of forgotten ones too."""
    return dict(connection.execute("SELECT id, slug FROM repos"))


def save_repo(connection: sqlite3.Connection, row: RepoRow) -> None:
    """Insert a repository; a forgotten one of the same slug, or of the same id, gives way."""
    connection.execute("DELETE FROM repos WHERE forgotten_at IS NOT NULL AND (slug = ? OR id = ?)", (row.slug, row.id))
    connection.execute(
        "INSERT INTO repos (id, slug, name, path, log, passphrase, adopted_at, device, inode)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def forget_repo(connection: sqlite3.Connection, repo_id: str, at: float) -> None:
    """Mark a repository forgotten and delete everything else about it; a grant that reached it alone ends."""
    connection.execute("UPDATE repos SET forgotten_at = ? WHERE id = ?", (at, repo_id))
    for table in ("started", "artifacts", "changes", "delivered", "writes", "creates", "grant_profiles", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE repo_id = ?", (repo_id,))  # noqa: S608
    connection.execute("DELETE FROM grants WHERE id NOT IN (SELECT grant_id FROM grant_profiles)")


def move_repo(connection: sqlite3.Connection, repo_id: str, path: str, identity: tuple[int, int]) -> None:
    """Record where a repository now is, and its folder's device and inode."""
    connection.execute("UPDATE repos SET path = ?, device = ?, inode = ? WHERE id = ?", (path, *identity, repo_id))


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
