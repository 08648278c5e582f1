"""One run that is carried out: its limits, and what is kept for the owner."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from rhd.ids import RepoId
from rhd.rel_path import RelPath
from rhd.runner.preflight import Ready
from rhd.runner.run import AgentRun
from rhd.runner.run_goal import RunGoal
from rhd.runner.run_progress import Item
from rhd.runner.run_task import MAX_ITEMS, RunLimits, RunTask
from rhd.runner.supervised_process import Folder
from tests.support.agents import DONE, FOREVER, FakeAgents

BEGUN = {"type": "item.started", "item": {"id": "1", "type": "command_execution", "command": "sleep 600"}}
RECONNECTING = {"type": "error", "message": "Reconnecting... waiting for network"}


def task_of(
    agents: FakeAgents, tmp_path: Path, *, agent: str = "codex", run_s: float = 60, stall_s: float = 60
) -> RunTask:
    run = AgentRun(RepoId.new(), str(tmp_path), agent, "owner", "test", "r1_x", "plans/sprints/a.sprint.md")
    facts = tmp_path.stat()
    folder = Folder(str(tmp_path), facts.st_dev, facts.st_ino)
    goal = RunGoal("# Goal\n", "r1_x", RelPath("plans/prds/a.prd.md"), RelPath(run.sprint), "- [ ] `pytest -q`", folder)
    program = str(agents.folder / agent)
    return RunTask(run, goal, Ready(program, None, None), agents.environ, RunLimits(run_s, stall_s))


async def end_of(task: RunTask) -> tuple[str, str | None]:
    with trio.fail_after(30):
        outcome = (await task.carry_out())(None)
    return outcome.state, outcome.reason


async def test_a_run_that_takes_too_long_is_ended(agents: FakeAgents, tmp_path: Path) -> None:
    agents.plan(["ignore", None], FOREVER)
    assert await end_of(task_of(agents, tmp_path, run_s=0.3)) == ("timed_out", "time_limit")
    assert agents.processes() == {}


@pytest.mark.parametrize("event", [{"type": "turn.started"}, RECONNECTING])
async def test_a_run_that_prints_nothing_or_only_reconnects_is_stalled(
    agents: FakeAgents, tmp_path: Path, event: dict[str, object]
) -> None:
    agents.plan(*[["event", event], ["sleep", 0.05]] * 200, FOREVER)
    if event == RECONNECTING:
        assert await end_of(task_of(agents, tmp_path, stall_s=0.5)) == ("stalled", "no_output")
    else:
        agents.plan(["event", event], FOREVER)
        assert await end_of(task_of(agents, tmp_path, stall_s=0.5)) == ("stalled", "no_output")


async def test_silence_does_not_count_while_a_command_is_in_progress(agents: FakeAgents, tmp_path: Path) -> None:
    agents.plan(["event", BEGUN], ["sleep", 1.5], ["event", DONE])
    assert await end_of(task_of(agents, tmp_path, stall_s=0.3)) == ("done", None)


async def test_a_program_that_cannot_be_started_is_told(agents: FakeAgents, tmp_path: Path) -> None:
    (agents.folder / "codex").unlink()
    assert await end_of(task_of(agents, tmp_path)) == ("failed", "not_started")


async def test_a_check_of_the_sprint_that_is_not_allowed_ends_the_run_at_once(
    agents: FakeAgents, tmp_path: Path
) -> None:
    for command, times in (("pytest -q", 1), ("git push", 2)):
        use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": command}}
        asked = ["event", {"type": "assistant", "message": {"content": [use]}}]
        denied = ["event", {"type": "system", "subtype": "permission_denied", "tool_use_id": "t"}]
        agents.plan(*[asked, denied] * times, FOREVER)
        task = task_of(agents, tmp_path, agent="claude")
        assert await end_of(task) == ("failed", "blocked")
        assert task.run.progress.denied == times


async def test_what_is_kept_for_the_owner_is_bounded(
    agents: FakeAgents, tmp_path: Path, autojump_clock: MockClock
) -> None:
    task = task_of(agents, tmp_path)
    for _ in range(MAX_ITEMS + 5):
        task._add(Item("note", "x"))
    assert len(task.take_items()) == MAX_ITEMS
    assert task.take_items() == []


async def test_the_first_reason_to_end_a_run_counts(
    agents: FakeAgents, tmp_path: Path, autojump_clock: MockClock
) -> None:
    task = task_of(agents, tmp_path)
    task.end("cancelled_by_owner")
    task.end("time_limit")
    assert task.run.cause == "cancelled_by_owner"
