"""Runs of fake agents at a daemon: from the call to the end, and how each end is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from rhd.access import GOAL
from tests.support.agent_runs import Runs, orchestrated
from tests.support.agents import DONE, FOREVER, SPRINT, FakeAgents, prepare_goal
from tests.support.attached import attached, told
from tests.support.calls import calling, granted
from tests.support.inprocess import running_daemon
from tests.support.made_grants import connected, grant
from tests.support.node import assert_printed_as_by_node
from tests.support.repositories import Repository


async def test_a_run_carries_the_goal_out_and_its_work_reaches_clients(runs: Runs) -> None:
    edit = ["write", ["hello.py", "print('hello')\n"]]
    note = ["write", [".ai/harness/handoff/notes.md", "# Notes\n\nDone.\n"]]
    message = ["event", {"type": "item.completed", "item": {"type": "agent_message", "text": "All done."}}]
    run = await runs.finish(edit, ["tick", SPRINT], note, message, ["event", DONE])
    assert (run["state"], run["reason"], run["exit_code"]) == ("done", None, 0)
    assert run["cards"] == {"done": 1, "total": 1}
    assert run["cards_done_before"] == 0
    assert sorted(run["artifacts"]) == [".ai/harness/handoff/notes.md", SPRINT]
    assert run["last_message"] == "All done."
    assert run["tokens"] == {"input": 10, "output": 5}
    assert run["agent_version"] == "codex-fake 1.0"
    assert runs.repository.read("hello.py") == "print('hello')\n"
    (started,) = runs.agents.started
    assert started["words"] == ["exec", "--json", "--sandbox", "workspace-write", "-"]
    assert started["cwd"] == str(runs.repository.path)
    (shown,) = (await runs.call("harness_status"))["runs"]
    assert (shown["run_id"], shown["state"]) == (run["run_id"], "done")
    rows = [(row.action, row.outcome) for row in await runs.daemon.audited() if row.target == run["run_id"]]
    assert rows == [("run.start", "ok"), ("run.end", "ok")]
    events = (await runs.daemon.call("events", repo="project"))["changes"]
    told_of = [(each["change"], each["path"], each["by"]) for each in events if each["via"] == "run"]
    assert told_of == [("run_started", None, "Test client"), ("run_done", None, "Test client")]


async def test_exactly_the_goal_s_text_is_the_agent_s_input(runs: Runs) -> None:
    runs.agents.plan(["input", None], ["event", DONE])
    answer = await runs.start()
    await runs.until(answer["run_id"], "done")
    items = await runs.daemon.context.runs.read_items(answer["run_id"])
    assert [row.item["text"] for row in items] == [runs.repository.read(GOAL)]
    assert GOAL not in str(runs.agents.started), "nothing of it is among the arguments"


async def test_an_agent_gets_an_environment_of_its_own(runs: Runs) -> None:
    run = await runs.finish(["environ", None], ["event", DONE])
    names = run["last_message"].split("\n")
    assert {"HOME", "PATH", "REPO_HARNESS_RUN", "TERM"} <= set(names)
    assert not {"SECRET", "PYTHONPATH", "NOTIFY_SOCKET", "CONFINEMENT_FOLDER"} & set(names)


@pytest.mark.parametrize(
    ("stream", "status", "state", "reason"),
    [
        ("codex-edit", 0, "done", None),
        ("codex-failed-command", 0, "failed", "check_failed"),
        ("codex-401", 1, "failed", "agent_error"),
        ("codex-sigterm", 143, "failed", "no_ending"),
        ("codex-plan", 1, "failed", "no_ending"),
        ("claude-edit", 0, "done", None),
        ("claude-failed-command", 0, "failed", "blocked"),
        ("claude-401", 1, "failed", "not_logged_in"),
        ("claude-max-turns", 1, "failed", "turn_limit"),
        ("claude-sigint", 0, "failed", "agent_error"),
        ("claude-sigterm", 143, "failed", "no_ending"),
    ],
)
async def test_each_recorded_end_is_told_as_what_it_was(
    runs: Runs, stream: str, status: int, state: str, reason: str | None
) -> None:
    run = await runs.finish(["replay", stream], ["exit", status], agent=stream.partition("-")[0])
    assert (run["state"], run["reason"], run["exit_code"]) == (state, reason, status)
    if reason is not None:
        assert run["explanation"]
    assert runs.agents.processes() == {}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([["exit", 0]], "no_ending"),
        ([["kill", 9]], "no_ending"),
        ([["errors", "boom\n"], ["exit", 2]], "no_ending"),
        ([["long-line", 8 << 20], ["event", DONE], ["exit", 3]], "no_ending"),
    ],
)
async def test_an_agent_that_ends_without_a_word_has_failed(runs: Runs, steps: list[list[object]], reason: str) -> None:
    run = await runs.finish(*steps)
    assert (run["state"], run["reason"]) == ("failed", reason)
    if steps[0][0] == "errors":
        assert run["explanation"].endswith("exit code 2 and did not say how its work ended: boom")


async def test_a_line_of_8_mib_is_passed_over_and_the_run_goes_on(runs: Runs) -> None:
    run = await runs.finish(["long-line", 8 << 20], ["event", DONE])
    assert run["state"] == "done"


async def test_cancelling_ends_the_whole_tree(runs: Runs) -> None:
    runs.agents.plan(["ignore", None], ["fork", 3], ["event", {"type": "turn.started"}], FOREVER)
    answer = await runs.start()
    await runs.until(answer["run_id"], "running")
    with trio.fail_after(10):
        while len(runs.agents.processes()) < 4:
            await trio.sleep(0.01)
    with trio.fail_after(5):
        run = await runs.call("cancel_agent_run", run_id=answer["run_id"])
    assert (run["state"], run["reason"]) == ("cancelled", "cancelled_by_client")
    assert runs.agents.processes() == {}
    assert (await runs.call("cancel_agent_run", run_id=answer["run_id"]))["state"] == "cancelled"


async def test_the_text_of_every_result_is_what_node_prints_of_it(runs: Runs) -> None:
    message = ["event", {"type": "item.completed", "item": {"type": "agent_message", "text": 'Grün \u2028 "ok" \\ 👩'}}]
    runs.agents.plan(message, ["event", DONE])
    async with attached(runs.daemon, "project", profile="orchestrator") as client:
        started = await client.call_tool("run_agent_goal", {"agent": "codex", "expected_revision": runs.revision})
        named = {"run_id": told(started)["run_id"]}
        run = await runs.until(named["run_id"], "done")
        assert "Grün" in run["last_message"]
        results = [await client.call_tool(tool, named) for tool in ("get_agent_run", "cancel_agent_run")]
        results += [started, await client.call_tool("harness_status")]
    assert_printed_as_by_node(results)


async def test_one_run_at_a_time_and_the_same_goal_twice_is_one_run(runs: Runs) -> None:
    runs.agents.plan(FOREVER)
    first = await runs.start()
    assert first["is_new"] is True
    again = await runs.start()
    assert (again["run_id"], again["is_new"]) == (first["run_id"], False)
    other = await runs.start("claude")
    assert (other["code"], other["details"]) == ("RUN_ACTIVE", {"run_id": first["run_id"]})
    await runs.call("cancel_agent_run", run_id=first["run_id"])
    assert len(runs.agents.started) <= 1


async def test_disabling_runs_ends_those_that_go_on(runs: Runs) -> None:
    runs.agents.plan(FOREVER)
    answer = await runs.start()
    await runs.daemon.call("stop", repo="project", profile="orchestrator")
    run = runs.daemon.context.runs
    with trio.fail_after(10):
        while (found := await run.get(answer["run_id"])).state != "cancelled":
            await found.news.wait()
    assert found.reason == "not_enabled"
    assert (await runs.start())["code"] == "PROFILE_STOPPED"


async def test_what_cannot_be_started_says_why_and_starts_nothing(runs: Runs) -> None:
    assert (await runs.start("gpt"))["code"] == "INVALID_ARGUMENT"
    assert (await runs.start(expected_revision="r1_" + "b" * 22))["code"] == "REVISION_CONFLICT"
    assert (await runs.start(expected_revision="r1_" + "a" * 22))["code"] == "REVISION_CONFLICT"
    runs.agents.log_out("codex")
    refused = await runs.start()
    assert (refused["code"], "codex login" in refused["next_step"]) == ("AGENT_NOT_LOGGED_IN", True)
    (runs.agents.folder / "claude").unlink()
    assert (await runs.start("claude"))["code"] == "AGENT_NOT_INSTALLED"
    await runs.daemon.call(
        "start", repo="project", profile="orchestrator", enable_dev_runner=True, dev_runner_agents="claude"
    )
    assert (await runs.start())["code"] == "AGENT_DENIED"
    planner = calling(runs.daemon, granted(runs.daemon, project=["planner", "executor"]), at="project")
    assert (await planner("run_agent_goal", agent="codex", expected_revision="x"))["code"] == "PROFILE_NOT_GRANTED"
    assert (await runs.call("get_agent_run", run_id="run_nothing0"))["code"] == "RUN_NOT_FOUND"
    assert runs.agents.started == []
    events = (await runs.daemon.call("events", repo="project"))["changes"]
    assert [each["change"] for each in events if each["via"] == "run"] == ["run_refused"], "once a minute"


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("place", ["http", "stdio"])
async def test_a_client_that_asks_is_told_how_far_a_run_is(runs: Runs, mode: str, place: str) -> None:
    step = {"type": "item.completed", "item": {"type": "agent_message", "text": "on"}}
    runs.agents.plan(*[["event", step], ["sleep", 0.2]] * 3, ["tick", SPRINT], FOREVER)
    told_of: list[tuple[float, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told_of.append((progress, message))

    _, token = await grant(runs.daemon, {"project": ["orchestrator"]}, resource="project")
    url = f"{runs.daemon.url}/r/project/mcp"
    client_of = (
        connected(url, token, mode=mode)
        if place == "http"
        else attached(runs.daemon, "project", profile="orchestrator", mode=mode)
    )
    async with client_of as client:
        answer = told(await client.call_tool("run_agent_goal", {"agent": "codex", "expected_revision": runs.revision}))
        waiting = {"run_id": answer["run_id"], "wait_s": 20}
        run = answer
        with trio.fail_after(30):
            while run["cards"] != {"done": 1, "total": 1}:
                run = told(await client.call_tool("get_agent_run", waiting, progress_callback=note))
        assert run["state"] == "running"
        assert told_of[-1][1] == "running: 1 of 1 cards done, 0 commands, 0 files"
        assert told_of == sorted(told_of, key=lambda each: each[0])
        silent = told(await client.call_tool("cancel_agent_run", {"run_id": answer["run_id"]}))
        assert silent["state"] == "cancelled"


async def test_runs_of_other_repositories_wait_for_their_turn_and_can_be_cancelled_there(
    runs: Runs, tmp_path: Path
) -> None:
    other = Repository.make(tmp_path / "other")
    assert await runs.daemon.adopt(other.path) == "other"
    await runs.daemon.call("start", repo="other", profile="orchestrator", enable_dev_runner=True)
    revision = await prepare_goal(calling(runs.daemon, granted(runs.daemon, other=["planner"]), at="other"), other)
    waiting = calling(runs.daemon, granted(runs.daemon, other=["orchestrator"]), at="other")
    runs.daemon.context.settings = replace(runs.daemon.context.settings, agent_runs_at_once=1)
    runs.agents.plan(FOREVER)
    first = await runs.start()
    await runs.until(first["run_id"], "running")
    second = await waiting("run_agent_goal", agent="codex", expected_revision=revision)
    queued = await waiting("get_agent_run", run_id=second["run_id"])
    assert (queued["state"], queued["ahead"], queued["started_at"]) == ("queued", 0, None)
    assert (await waiting("get_agent_run", run_id=first["run_id"]))["code"] == "RUN_NOT_FOUND", "it is another's"
    cancelled = await waiting("cancel_agent_run", run_id=second["run_id"])
    assert (cancelled["state"], cancelled["started_at"]) == ("cancelled", None)
    (run,) = (await waiting("harness_status"))["runs"]
    assert run["state"] == "cancelled"
    await runs.call("cancel_agent_run", run_id=first["run_id"])
    assert len(runs.agents.started) == 1


async def test_so_many_runs_a_day_and_no_more(runs: Runs) -> None:
    runs.daemon.context.settings = replace(runs.daemon.context.settings, agent_runs_a_day=1)
    await runs.finish(["event", DONE])
    refused = await runs.start("claude")
    assert (refused["code"], "agent_runs_a_day" in refused["next_step"]) == ("LIMIT_REACHED", True)


async def test_the_end_of_the_daemon_interrupts_a_run_and_the_next_one_knows_it(
    tmp_path: Path, agents: FakeAgents, repository: Repository
) -> None:
    agents.plan(["ignore", None], FOREVER)
    async with running_daemon(tmp_path / "home") as first:
        assert await first.adopt(repository.path) == "project"
        orchestrator = await orchestrated(first, agents, repository)
        answer = await orchestrator.start()
        await orchestrator.until(answer["run_id"], "running")
    assert agents.processes() == {}
    async with running_daemon(tmp_path / "home") as second:
        run = (await second.call("run", action="show", id=answer["run_id"]))["run"]
        assert (run["state"], run["reason"]) == ("interrupted", "daemon_ended")
        (repo,) = (await second.call("status"))["repos"]
        assert repo["agent_runs"]["agents"] == ["codex", "claude"], "what was enabled stays enabled"
