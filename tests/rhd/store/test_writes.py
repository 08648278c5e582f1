from __future__ import annotations

import sqlite3

import pytest

from rhd.store.repo_rows import forget_repo
from rhd.store.writes import WriteRow, read_repeated, read_revision, save_write

ROW = WriteRow("plans/prds/a.prd.md", "write_prd_from_idea", "g_1", b"digest", "r1_a", '{"path": "a"}', 100.0)


def test_only_the_tool_that_wrote_last_knows_its_revision(adopted: sqlite3.Connection) -> None:
    assert read_revision(adopted, "a", ROW.path, ROW.tool) is None
    save_write(adopted, "a", ROW)
    assert read_revision(adopted, "a", ROW.path, ROW.tool) == "r1_a"
    assert read_revision(adopted, "a", ROW.path, "another_tool") is None
    assert read_revision(adopted, "a", "plans/prds/b.prd.md", ROW.tool) is None
    assert read_revision(adopted, "b", ROW.path, ROW.tool) is None
    save_write(adopted, "a", ROW._replace(tool="another_tool", revision="r1_b"))
    assert read_revision(adopted, "a", ROW.path, ROW.tool) is None, "what it wrote is no longer what is there"


@pytest.mark.parametrize(
    "other",
    [
        {"repo_id": "b"},
        {"principal": "g_2"},
        {"tool": "write_checklist_sprint"},
        {"arguments": b"other"},
        {"since": 100.0},
        {"since": 101.0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_repeated_call_is_the_same_in_everything_and_not_too_old(
    adopted: sqlite3.Connection, other: dict[str, object]
) -> None:
    save_write(adopted, "a", ROW)
    same = {"repo_id": "a", "principal": "g_1", "tool": ROW.tool, "arguments": b"digest", "since": 99.0}
    assert read_repeated(adopted, **same) == ROW  # type: ignore[arg-type]
    assert read_repeated(adopted, **{**same, **other}) is None  # type: ignore[arg-type]


def test_of_several_the_newest_is_found(adopted: sqlite3.Connection) -> None:
    for number, at in enumerate((100.0, 300.0, 200.0)):
        save_write(adopted, "a", ROW._replace(path=f"plans/prds/{number}.prd.md", at=at))
    found = read_repeated(adopted, "a", "g_1", ROW.tool, b"digest", 0.0)
    assert found is not None
    assert found.at == 300.0


def test_what_was_written_is_forgotten_with_the_repository(adopted: sqlite3.Connection) -> None:
    save_write(adopted, "a", ROW)
    save_write(adopted, "b", ROW)
    forget_repo(adopted, "a", 1.0)
    assert read_revision(adopted, "a", ROW.path, ROW.tool) is None
    assert read_revision(adopted, "b", ROW.path, ROW.tool) == "r1_a"
