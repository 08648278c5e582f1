from __future__ import annotations

import os
from pathlib import Path

from rhd.mcpserver.tools.tool_table import tools_hash
from rhwire.version import VERSION
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository

SPRINT = "plans/sprints/20261102-0900-search.sprint.md"


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
    assert said["active_sprint"]["cards"] == {"done": 1, "total": 2, "finished": False}
    assert said["newest_handoff"]["path"] == ".ai/harness/handoff/resume.md"
    assert (said["newest_check"]["path"], said["newest_check"]["status"]) == (".ai/harness/checks/latest.json", "pass")
    assert said["worktree"] == {"is_linked": False, "siblings": [], "sprints": []}
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
        cards = {"done": 1, "total": 2, "finished": False}
        assert (await desk.call("harness_status"))["worktree"] == {
            "is_linked": True,
            "siblings": ["project"],
            "sprints": [{"branch": "main", "status": "Executing", "cards": cards}],
        }
        desk.held = {"second": {"planner"}, "project": set()}
        assert (await desk.call("harness_status"))["worktree"] == {"is_linked": True, "siblings": [], "sprints": []}


async def test_the_progress_of_a_worktree_that_is_not_adopted_is_shown(
    tmp_path: Path, desk: Desk, repository: Repository
) -> None:
    repository.git("worktree", "add", "-q", "-b", "codex/search", str(tmp_path / "second"))
    sprint = tmp_path / "second" / SPRINT
    sprint.write_text(sprint.read_text().replace("- [ ]", "- [x]"))
    (sibling,) = (await desk.call("harness_status"))["worktree"]["sprints"]
    assert (sibling["branch"], sibling["cards"]) == ("codex/search", {"done": 2, "total": 2, "finished": True})
    assert (await desk.call("harness_status"))["active_sprint"]["cards"]["done"] == 1


async def test_the_workflows_own_marker_says_what_is_active(desk: Desk, repository: Repository) -> None:
    other = "plans/sprints/20250101-0000-old.sprint.md"
    repository.write(other, "# Old\n\n> **Status**: Done\n\n### Task Card 1\n\n- [x] a\n")
    repository.write(".ai/harness/sprint/active-sprint", f"{other}\n")
    await desk.settle()
    said = (await desk.call("harness_status"))["active_sprint"]
    assert (said["path"], said["cards"]) == (other, {"done": 1, "total": 1, "finished": True})
    repository.write(".ai/harness/sprint/active-sprint", "plans/../src/index.py\n")
    assert (await desk.call("harness_status"))["active_sprint"]["path"] == SPRINT
