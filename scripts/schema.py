"""Writes the current schema, with a row or two in every table, as tests/rhd/store/data/schema-N.sql.

Run it when a migration is added and before it is released; a file of a released schema is never written again.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "daemon"), str(ROOT / "ctl")]

from rhd.store.schema import MIGRATIONS  # noqa: E402

DATA = ROOT / "tests" / "rhd" / "store" / "data"
LIVE, GONE = "r-8TqPzR2xWk4", "r-5LmNcV7bYh0"
RUN = "run_abcdefgh"
AT = 1_790_000_000.25

# What an installation that is in use has written; times are seconds since the epoch.
ROWS: dict[str, list[tuple[object, ...]]] = {
    "meta": [("instance", bytes(range(8))), ("workflow.key", bytes(range(32)))],
    "repos": [
        (LIVE, "garden", "Garden — planner", "/home/ada/garden", 64769, 1311, "l-1", bytes(32), AT, 1000, None),
        (GONE, "shed", "shed", "/home/ada/shed", 64769, 1312, "l-2", bytes(range(32)), AT - 86400, 0, AT - 60),
    ],
    "started": [
        (LIVE, "planner", "{}"),
        (LIVE, "orchestrator", '{"agents": ["codex", "claude"]}'),
    ],
    "clients": [("c-1", "ChatGPT", '{"redirect_uris": ["https://chatgpt.com/connector/callback"]}', AT)],
    "grants": [
        ("g-1", "c-1", "hub", 1, 0, b"\x06" * 32, AT, AT + 5),
        ("g-2", "c-1", LIVE, 0, 1, b"\x07" * 32, AT + 1, AT + 1),
    ],
    "grant_profiles": [("g-1", LIVE, "planner", AT), ("g-2", LIVE, "planner", AT + 1)],
    "logins": [
        ("q-1", "g-1", "https://chatgpt.com/connector/callback", "c" * 43, AT, b"\x01" * 32, AT + 60, AT + 2),
        ("q-2", None, "http://127.0.0.1:4000/cb", "d" * 43, AT + 3, None, None, None),
    ],
    "tokens": [
        (b"\x02" * 32, "access", "g-1", AT, AT + 3600, None, None),
        (b"\x03" * 32, "refresh", "g-1", AT, AT + 86400, AT + 30, b"\x04" * 16),
    ],
    "artifacts": [(LIVE, "plans/prds/beds.prd.md", "12:840:1790000000", '{"kind": "prd", "title": "Raised beds"}')],
    "changes": [
        (LIVE, 1, "plans/prds/beds.prd.md", "prd", "added", AT, "write", "ChatGPT"),
        (LIVE, 2, "tasks/current.md", "task", "removed", AT + 1, "event", None),
    ],
    "heard": [("g-1", LIVE, 1, AT + 1)],
    "writes": [(LIVE, "plans/prds/beds.prd.md", "write_prd_from_idea", "v-1")],
    "creates": [
        (LIVE, "g-1", "write_prd_from_idea", b"\x05" * 16, "plans/prds/beds.prd.md", "v-1", 1, '{"cards": 2}', AT)
    ],
    "sessions": [(b"\x08" * 32, "hub", "g-1", b'{"protocolVersion": "2025-11-25"}', AT, None)],
    "session_uris": [(b"\x08" * 32, "repo-harness://garden/plans/prds/beds.prd.md")],
    "runs": [(RUN, LIVE, "codex", "g-1", "ChatGPT", "r-1", "done", AT, AT + 90, '{"reason": null}')],
    "run_items": [(RUN, 1, AT + 1, '{"kind": "message", "text": "Done."}')],
    "audit": [
        (1, AT, "g-1", "ChatGPT", LIVE, "planner", "read_workflow_file", "plans/prds/beds.prd.md", "ok", 0.75, 3)
    ],
}


def main() -> None:
    """Write the file of the schema that the sources now have."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    for migration in MIGRATIONS:
        connection.executescript(migration)
    with connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        for table, rows in ROWS.items():
            for row in rows:
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
    lines = [*connection.iterdump(), f"PRAGMA user_version = {len(MIGRATIONS)};"]
    path = DATA / f"schema-{len(MIGRATIONS)}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
