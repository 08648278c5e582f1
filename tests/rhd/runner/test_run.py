"""One run."""

from __future__ import annotations

import json

from rhd.ids import RepoId
from rhd.mcpserver.tools.runs import RUN
from rhd.runner.outcome import Outcome
from rhd.runner.run import AgentRun, describe_run
from tests.support.recorded_agents import replay


def a_run(stream: str = "codex-edit") -> AgentRun:
    run = AgentRun(RepoId.new(), "/home/me/app", "codex", "g_1", "ChatGPT", "r1_x", "plans/sprints/a.sprint.md")
    run.progress, _ = replay(stream)
    run.started_at, run.cards, run.cards_before = run.queued_at + 1, (1, 2), (0, 2)
    run.uncommitted, run.allow, run.artifacts = ("a.py",), ("Bash(x)",), ["tasks/current.md"]
    return run


def test_a_run_comes_back_from_the_disk_as_it_was() -> None:
    run = a_run()
    assert not run.has_ended
    run.end(Outcome("failed", "agent_error", "it broke"))
    assert run.has_ended
    row = run.to_row()
    again = AgentRun.of_row(row._replace(facts=json.loads(json.dumps(row.facts))))
    assert again.to_row() == row
    assert describe_run(again) == describe_run(run)


def test_a_client_learns_counts_and_artifacts_but_no_command_output_or_path_of_the_machine() -> None:
    told = describe_run(a_run("codex-failed-command"))
    assert set(told) == set(RUN) - {"ahead"}
    assert told["counts"] == {"commands": 1, "commands_failed": 1, "denied": 0, "tools": 0, "messages": 1, "files": 0}
    said = json.dumps(told)
    for secret in ("echo", "bash", "/home/me", "err", "a.py", "Bash"):
        assert secret not in said.replace("commands_failed", ""), secret


def test_news_wakes_what_waits_for_them() -> None:
    run = a_run()
    before = run.news
    run.tell()
    assert before.is_set()
    assert not run.news.is_set()
