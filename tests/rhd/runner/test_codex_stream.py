"""What the recorded runs of Codex come to."""

from __future__ import annotations

import random

import pytest

from rhd.runner.codex_stream import read_codex
from rhd.runner.run_progress import Item, RunProgress
from tests.support.recorded_agents import replay


def test_an_edit_is_told_by_its_files_its_commands_and_its_last_message() -> None:
    progress, items = replay("codex-edit")
    assert (progress.commands, progress.commands_failed, progress.running) == (2, 0, {})
    assert progress.files == ["/home/me/app/hello.py"]
    assert progress.last_message == "Card 1 done: hello.py added, python3 hello.py exits 0."
    assert (progress.input_tokens, progress.output_tokens) == (4006, 200)
    assert progress.session == "01a22e51-23fe-7020-ba55-815a8f5e3614"
    assert progress.has_ended
    assert progress.problem is None
    assert items[0] == Item("command", "/bin/bash -lc ls", "started")
    assert items[1] == Item("command", "/bin/bash -lc ls", "ok", "README.md\n", 0)
    assert Item("file", "/home/me/app/hello.py", "ok") in items


def test_a_failed_command_is_counted_though_the_turn_completes() -> None:
    progress, items = replay("codex-failed-command")
    assert (progress.commands, progress.commands_failed, progress.is_last_command_failed) == (1, 1, True)
    assert (progress.has_ended, progress.problem) == (True, None)
    assert Item("command", "/bin/bash -lc 'echo out; echo err >&2; exit 3'", "failed", "out\nerr\n", 3) in items


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("codex-401", "unexpected status 401 Unauthorized"),
        ("codex-429", "You’ve hit your usage limit."),
        ("codex-500", "We’re currently experiencing high demand"),
        ("codex-env-key-missing", "Missing environment variable: `MOCK_KEY`."),
    ],
)
def test_a_failed_turn_is_told_in_the_agent_s_own_words(name: str, words: str) -> None:
    progress, _ = replay(name)
    assert progress.problem is not None
    assert progress.problem.startswith(words)
    assert (progress.problem_kind, progress.has_ended) == ("agent_error", True)


@pytest.mark.parametrize("name", ["codex-network-down", "codex-auth-missing"])
def test_reconnecting_is_waiting_and_no_progress(name: str) -> None:
    progress, items = replay(name)
    assert (progress.is_waiting, progress.has_ended, progress.problem) == (True, False, None)
    assert {item.kind for item in items} == {"note"}


@pytest.mark.parametrize("name", ["codex-sigterm", "codex-sigint"])
def test_a_stream_that_breaks_off_leaves_its_command_running(name: str) -> None:
    progress, _ = replay(name)
    assert not progress.has_ended
    assert progress.current is not None
    assert "echo begin" in progress.current


def test_tools_are_counted_and_their_arguments_are_not_kept() -> None:
    progress, items = replay("codex-mcp")
    assert progress.tools == 4
    assert [item for item in items if item.kind == "tool"] == [
        Item("tool", "repo_harness.harness_status", "ok"),
        Item("tool", "repo_harness.append_handoff_note", "ok"),
        Item("tool", "repo_harness.prepare_codex_goal_from_sprint", "failed"),
        Item("tool", "repo_harness.read_workflow_file", "failed"),
    ]


def test_a_plan_is_shown_as_a_list() -> None:
    item = {"type": "todo_list", "items": [{"text": "a", "completed": True}, {"text": "b"}, 5]}
    assert read_codex({"type": "item.updated", "item": item}, RunProgress()) == [Item("plan", "[x] a\n[ ] b")]


@pytest.mark.parametrize(
    "item", ["command_execution", "file_change", "mcp_tool_call", "agent_message", "todo_list", "x"]
)
def test_events_of_any_shape_are_passed_over(item: str) -> None:
    random.seed(item)
    values = [None, 5, "x", [], {}, [5], {"path": 5}, True]
    for kind in ("item.started", "item.completed", "turn.failed", "turn.completed", "error", "thread.started", None):
        for _ in range(50):
            inner = {key: random.choice(values) for key in ("id", "status", "changes", "command", "exit_code", "text")}
            event = {
                "type": kind,
                "item": random.choice([*values, {"type": item, **inner}]),
                "usage": random.choice(values),
            }
            read_codex({**event, "error": random.choice(values), "message": random.choice(values)}, RunProgress())
