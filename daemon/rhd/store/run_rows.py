"""Rows of agent runs and of what their agents did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

KEEP_RUNS = 50
"""How many of a repository's ended runs are kept, the newest."""

_COLUMNS = "id, repo_id, agent, principal, client, revision, state, queued_at, ended_at, facts"
_UNFINISHED = "state IN ('queued', 'running')"


class RunRow(NamedTuple):
    """One run; see the schema for what each column means."""

    id: str
    repo_id: str
    agent: str
    principal: str
    client: str
    revision: str
    state: str
    queued_at: float
    ended_at: float | None
    facts: dict[str, Any]


class ItemRow(NamedTuple):
    """One thing that an agent did, numbered within its run."""

    number: int
    at: float
    item: dict[str, Any]


def save_run(connection: sqlite3.Connection, row: RunRow) -> None:
    """Insert a run, or bring its row up to date; a run whose repository was forgotten is not recorded."""
    connection.execute(
        f"INSERT INTO runs ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"  # noqa: S608
        " WHERE EXISTS (SELECT 1 FROM repos WHERE id = ? AND forgotten_at IS NULL)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, facts = excluded.facts",
        (*row[:-1], json.dumps(row.facts), row.repo_id),
    )
    connection.execute(
        "DELETE FROM runs WHERE repo_id = ? AND ended_at IS NOT NULL AND id NOT IN"
        " (SELECT id FROM runs WHERE repo_id = ? ORDER BY queued_at DESC LIMIT ?)",
        (row.repo_id, row.repo_id, KEEP_RUNS),
    )


def save_items(connection: sqlite3.Connection, run_id: str, items: Iterable[ItemRow]) -> None:
    """Append to what a run's agent did; nothing if the run is not kept any more."""
    connection.executemany(
        "INSERT OR IGNORE INTO run_items (run_id, number, at, item)"
        " SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?)",
        [(run_id, row.number, row.at, json.dumps(row.item), run_id) for row in items],
    )


def read_run(connection: sqlite3.Connection, run_id: str) -> RunRow | None:
    """Return a run."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()  # noqa: S608
    return _row(row) if row is not None else None


def read_runs(connection: sqlite3.Connection, repo_id: str | None = None, *, limit: int = 20) -> list[RunRow]:
    """Return the newest runs of a repository, or of all, newest first."""
    where, values = ("WHERE repo_id = ?", (repo_id,)) if repo_id is not None else ("", ())
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs {where} ORDER BY queued_at DESC, id LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [_row(row) for row in found]


def read_items(connection: sqlite3.Connection, run_id: str, *, after: int = 0, limit: int = 500) -> list[ItemRow]:
    """Return what a run's agent did after a number, oldest first."""
    found = connection.execute(
        "SELECT number, at, item FROM run_items WHERE run_id = ? AND number > ? ORDER BY number LIMIT ?",
        (run_id, after, limit),
    )
    return [ItemRow(number, at, json.loads(item)) for number, at, item in found]


def count_runs(connection: sqlite3.Connection, repo_id: str, since: float) -> tuple[int, float | None]:
    """Return how many runs of a repository were asked for since a moment, and when the first of them was."""
    number, first = connection.execute(
        "SELECT count(*), min(queued_at) FROM runs WHERE repo_id = ? AND queued_at > ?", (repo_id, since)
    ).fetchone()
    return int(number), first


def read_unfinished(connection: sqlite3.Connection) -> list[RunRow]:
    """Return the runs that had not ended when the last daemon did."""
    return [_row(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE {_UNFINISHED}")]  # noqa: S608


def _row(row: tuple[Any, ...]) -> RunRow:
    return RunRow._make((*row[:-1], json.loads(row[-1])))
