from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.mcpserver.tools.status import find_active
from rhd.mcpserver.tools.tool_table import tools_hash
from rhd.workflow.artifacts import Artifact
from rhd.workflow.outline import Outline
from rhwire.version import VERSION
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository

SPRINT = "plans/sprints/20261102-0900-search.sprint.md"


def artifact(path: str, status: str | None, cards: tuple[int, int] | None = None, *, modified: int = 0) -> Artifact:
    return Artifact(path, (1, 1, modified, 1), b"A" * 9, Outline(None, status, cards))


async def test_one_call_says_where_the_work_stands(desk: Desk) -> None:
    said = await desk.call("harness_status")
    assert (said["repo"], said["name"], said["adopted"], said["branch"]) == ("project", "project", True, "main")
    assert (said["profile"], said["profiles"]) == (
        "planner",
        {"granted": ["planner"], "running": ["planner", "executor"]},
    )
    assert said["counts"] == dict.fromkeys(("check", "current", "handoff", "instructions", "prd", "spec", "sprint"), 1)
    assert said["left_out"] is None
    assert said["active_plan"] is None
    assert (said["active_sprint"]["path"], said["active_sprint"]["status"]) == (SPRINT, "Executing")
    assert said["active_sprint"]["cards"] == {"done": 1, "total": 2}
    assert said["newest_handoff"]["path"] == ".ai/harness/handoff/resume.md"
    assert (said["newest_check"]["path"], said["newest_check"]["status"]) == (".ai/harness/checks/latest.json", "pass")
    assert said["worktree"] == {"is_linked": False, "siblings": []}
    assert (said["runs"], said["server_version"]) == ([], VERSION)
    assert said["cursor"] == desk.service.changes.cursor
    assert said["tools_hash"] == tools_hash(frozenset({"planner"}), False)


async def test_a_caller_is_told_only_of_what_it_may_read(desk: Desk, repository: Repository) -> None:
    repository.write("tasks/lessons.md", "# Lessons\n")
    await desk.settle()
    assert "task" not in (await desk.call("harness_status"))["counts"]
    desk.held = {"project": {"executor"}}
    said = await desk.call("harness_status")
    assert (said["profile"], said["counts"]["task"]) == ("executor", 1)
    assert said["tools_hash"] == tools_hash(frozenset({"executor"}), False)


async def test_what_is_not_counted_is_told(desk: Desk, repository: Repository) -> None:
    repository.write("tasks/" + "/".join("abcdefghijklm"), "# Deep, and for executors alone\n")
    await desk.settle()
    assert (await desk.call("harness_status"))["left_out"] is None
    desk.held = {"project": {"executor"}}
    left_out = (await desk.call("harness_status"))["left_out"]
    assert set(left_out) == {"total", "items", "next_step"}
    assert left_out["items"][0]["reason"] == "too_deep"


async def test_the_newest_handoff_and_check_are_the_newest(desk: Desk, repository: Repository) -> None:
    for name, at in ((".ai/harness/handoff/old.md", 1_000), (".ai/harness/checks/old.json", 1_000)):
        os.utime(repository.write(name, "{}"), (at, at))
    for name in (".ai/harness/handoff/new.md", ".ai/harness/checks/new.json"):
        os.utime(repository.write(name, '{"status": "fail"}'), (4e9, 4e9))
    await desk.settle()
    said = await desk.call("harness_status")
    assert said["newest_handoff"]["path"] == ".ai/harness/handoff/new.md"
    assert (said["newest_check"]["path"], said["newest_check"]["status"]) == (".ai/harness/checks/new.json", "fail")


async def test_a_detached_head_has_no_branch_and_nothing_active_is_null(desk: Desk, repository: Repository) -> None:
    repository.git("checkout", "-q", "--detach")
    repository.git("rm", "-rq", "plans", ".ai")
    await desk.settle()
    said = await desk.call("harness_status")
    assert said["branch"] is None
    for name in ("active_plan", "active_sprint", "newest_handoff", "newest_check"):
        assert said[name] is None


async def test_linked_worktrees_name_each_other_unless_one_was_not_granted(
    tmp_path: Path, repository: Repository
) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "second"))
    async with seated(tmp_path / "rhd.db", Repository(tmp_path / "second"), repository) as desk:
        desk.held = {"second": {"planner"}, "project": {"planner"}}
        assert (await desk.call("harness_status"))["worktree"] == {"is_linked": True, "siblings": ["project"]}
        desk.held = {"second": {"planner"}, "project": set()}
        assert (await desk.call("harness_status"))["worktree"] == {"is_linked": True, "siblings": []}


@pytest.mark.parametrize(
    ("plans", "active"),
    [
        ([("a", "Draft", None), ("b", "Approved", None), ("c", "Executing", None)], "c"),
        ([("a", "Draft", None), ("b", "Active (since Monday)", None)], "b"),
        ([("a", "Done", None), ("b", "Archived.", None), ("c", "superseded:", None)], None),
        ([("d", "Fulfilled", None)], None),
        ([("a", "Executing", (2, 2)), ("b", "Draft", (1, 2))], "b"),
        ([("a", "Executing", (0, 0))], "a"),
        ([("a", "Some day", None), ("b", "Draft", None)], "b"),
        ([("a", None, None), ("b", "", None)], "b"),
        ([], None),
    ],
)  # fmt: skip
def test_active_is_what_is_furthest_and_not_over_then_the_newest(
    plans: list[tuple[str, str | None, tuple[int, int] | None]], active: str | None
) -> None:
    found = find_active(
        artifact(f"plans/{name}.md", status, cards, modified=number)
        for number, (name, status, cards) in enumerate(plans)
    )
    assert (found.path if found else None) == (f"plans/{active}.md" if active else None)
