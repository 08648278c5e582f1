from __future__ import annotations

import sqlite3

import pytest

from rhd.store.repo_rows import forget_repo
from rhd.store.writes import (
    KEEP_CREATES_S,
    CreateRow,
    delete_create,
    read_create,
    read_revision,
    save_create,
    save_write,
)

PATH, TOOL = "plans/prds/a.prd.md", "write_prd_from_idea"
ROW = CreateRow(PATH, "r1_a", True, '{"cards": 2}', 100.0)
WHO = {"repo_id": "a", "caller": "g_1", "tool": TOOL, "digest": b"digest"}


def test_only_the_tool_that_wrote_last_knows_its_revision(adopted: sqlite3.Connection) -> None:
    assert read_revision(adopted, "a", PATH, TOOL) is None
    save_write(adopted, "a", PATH, TOOL, "r1_a")
    assert read_revision(adopted, "a", PATH, TOOL) == "r1_a"
    assert read_revision(adopted, "a", PATH, "another_tool") is None
    assert read_revision(adopted, "a", "plans/prds/b.prd.md", TOOL) is None
    assert read_revision(adopted, "b", PATH, TOOL) is None
    save_write(adopted, "a", PATH, "another_tool", "r1_b")
    assert read_revision(adopted, "a", PATH, TOOL) is None, "what it wrote is no longer what is there"


@pytest.mark.parametrize(
    "other",
    [
        {"repo_id": "b"},
        {"caller": "g_2"},
        {"tool": "write_checklist_sprint"},
        {"digest": b"other"},
        {"since": 100.0},
        {"since": 101.0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_repeated_create_is_the_same_in_everything_and_not_too_old(
    adopted: sqlite3.Connection, other: dict[str, object]
) -> None:
    save_create(adopted, **WHO, row=ROW)  # type: ignore[arg-type]
    same = {**WHO, "since": 99.0}
    assert read_create(adopted, **same) == ROW  # type: ignore[arg-type]
    assert read_create(adopted, **{**same, **other}) is None  # type: ignore[arg-type]


def test_a_create_that_wrote_nothing_is_forgotten(adopted: sqlite3.Connection) -> None:
    save_create(adopted, **WHO, row=ROW)  # type: ignore[arg-type]
    delete_create(adopted, **WHO)  # type: ignore[arg-type]
    assert read_create(adopted, **WHO, since=0.0) is None  # type: ignore[arg-type]


def test_creates_that_are_too_old_to_matter_go_with_the_next_one(adopted: sqlite3.Connection) -> None:
    save_create(adopted, **WHO, row=ROW)  # type: ignore[arg-type]
    later = ROW._replace(at=ROW.at + KEEP_CREATES_S + 1)
    save_create(adopted, **{**WHO, "caller": "g_2"}, row=later)  # type: ignore[arg-type]
    assert adopted.execute("SELECT caller FROM creates").fetchall() == [("g_2",)]


def test_what_was_written_is_forgotten_with_the_repository(adopted: sqlite3.Connection) -> None:
    for repo_id in ("a", "b"):
        save_write(adopted, repo_id, PATH, TOOL, "r1_a")
        save_create(adopted, **{**WHO, "repo_id": repo_id}, row=ROW)  # type: ignore[arg-type]
    forget_repo(adopted, "a", 1.0)
    assert read_revision(adopted, "a", PATH, TOOL) is None
    assert read_create(adopted, **WHO, since=0.0) is None  # type: ignore[arg-type]
    assert read_revision(adopted, "b", PATH, TOOL) == "r1_a"
    assert adopted.execute("SELECT repo_id FROM creates").fetchall() == [("b",)]
