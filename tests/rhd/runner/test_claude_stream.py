"""What the recorded runs of Claude Code come to."""

from __future__ import annotations

import random

import pytest

from rhd.runner.claude_stream import read_claude
from rhd.runner.run_progress import Item, RunProgress
from tests.support.recorded_agents import replay


def test_an_edit_is_told_by_its_files_its_commands_and_its_last_message() -> None:
    progress, items = replay("claude-edit")
    assert (progress.commands, progress.commands_failed, progress.tools, progress.running) == (1, 0, 1, {})
    assert progress.files == ["/home/me/app/hello.py"]
    assert progress.last_message == "Card 1 done: hello.py prints hello."
    assert progress.messages == 1
    assert (progress.input_tokens, progress.output_tokens) == (3000, 150)
    assert (progress.has_ended, progress.problem) == (True, None)
    assert items == [
        Item("file", "/home/me/app/hello.py", "ok"),
        Item("command", "python3 hello.py", "started"),
        Item("command", "python3 hello.py", "ok", "hello"),
        Item("message", "Card 1 done: hello.py prints hello."),
    ]


def test_a_failed_command_and_a_denied_one_are_counted() -> None:
    progress, items = replay("claude-failed-command")
    assert (progress.commands, progress.commands_failed, progress.denied) == (2, 2, 1)
    assert Item("denied", "git push origin main", "failed") in items
    assert (progress.has_ended, progress.problem) == (True, None)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("claude-401", "not_logged_in", "Invalid API key"),
        ("claude-429", "rate_limited", "API Error: Request rejected (429)"),
        ("claude-500", "model_unavailable", "API Error: 500"),
        ("claude-network-down", "model_unavailable", "API Error: Connection refused"),
        ("claude-auth-missing", "agent_error", "Not logged in"),
        ("claude-max-turns", "turn_limit", "Reached maximum number of turns (2)"),
        ("claude-budget", "budget", "Reached maximum budget ($0.006)"),
        ("claude-sigint", "agent_error", "[ede_diagnostic]"),
    ],
)
def test_an_end_that_calls_itself_success_is_told_as_what_it_is(name: str, kind: str, words: str) -> None:
    progress, _ = replay(name)
    assert (progress.has_ended, progress.problem_kind) == (True, kind)
    assert progress.problem is not None
    assert progress.problem.startswith(words)


@pytest.mark.parametrize("name", ["claude-sigterm", "claude-sigterm-thinking"])
def test_a_stream_that_breaks_off_has_no_end(name: str) -> None:
    progress, _ = replay(name)
    assert not progress.has_ended


def test_trying_again_is_waiting_and_no_progress() -> None:
    progress = RunProgress()
    read_claude({"type": "system", "subtype": "api_retry", "error": "rate_limit"}, progress)
    assert progress.is_waiting
    read_claude({"type": "assistant", "message": {"content": [{"type": "text", "text": "on"}]}}, progress)
    assert not progress.is_waiting


def test_what_a_helper_agent_says_is_not_the_last_message() -> None:
    progress = RunProgress()
    block = {"content": [{"type": "text", "text": "inside"}]}
    read_claude({"type": "assistant", "message": block, "parent_tool_use_id": "toolu_1"}, progress)
    assert (progress.last_message, progress.messages) == (None, 0)


def test_events_of_any_shape_are_passed_over() -> None:
    random.seed(1)
    values = [None, 5, "x", [], {}, [5], {"content": 5}, True]
    blocks = [{"type": kind, **dict.fromkeys(("id", "name", "input", "content", "tool_use_id", "text"), value)}
              for kind in ("text", "tool_use", "tool_result", 5) for value in values]  # fmt: skip
    for kind in ("system", "assistant", "user", "result", None):
        for subtype in ("init", "api_retry", "permission_denied", "success", None, 5):
            for block in (*values, *blocks):
                event = {"type": kind, "subtype": subtype, "message": {"content": [block]}, "is_error": True}
                read_claude({**event, "usage": block, "errors": block, "result": block}, RunProgress())
                read_claude({"type": kind, "subtype": subtype, "message": block}, RunProgress())
