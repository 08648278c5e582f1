"""How a run has ended."""

from __future__ import annotations

import pytest

from rhd.runner.outcome import CAUSES, REASONS, STATES, UNFINISHED, Outcome, decide_outcome
from rhd.runner.run_progress import RunProgress
from tests.support.recorded_agents import replay


def test_a_normal_end_is_done_and_says_what_is_open() -> None:
    progress, _ = replay("codex-edit")
    assert decide_outcome(progress, status=0, cards=(2, 2)) == Outcome("done")
    assert decide_outcome(progress, status=0, cards=(1, 2)) == Outcome("done", None, "1 of 2 task cards are open")
    assert decide_outcome(progress, status=0) == Outcome("done")


def test_a_failed_check_behind_exit_code_0_has_failed_in_the_agent_s_own_words() -> None:
    progress, _ = replay("codex-failed-command")
    assert decide_outcome(progress, status=0, cards=(0, 1)) == Outcome(
        "failed", "check_failed", "The check failed: exit 3."
    )
    assert decide_outcome(progress, status=0, cards=(1, 1)).state == "done", "an earlier failure that was mended"


def test_what_was_not_allowed_blocks_a_run_whose_cards_are_open() -> None:
    progress, _ = replay("claude-failed-command")
    outcome = decide_outcome(progress, status=0, cards=(0, 1))
    assert (outcome.state, outcome.reason) == ("failed", "blocked")
    assert outcome.explanation == "the agent was refused once because the owner has not allowed what it wanted to run"


@pytest.mark.parametrize(
    ("status", "errors", "words"),
    [
        (143, "", "the agent ended with exit code 143 and did not say how its work ended"),
        (-9, "", "the agent was ended by signal 9 and did not say how its work ended"),
        (2, "usage: x\nunknown option\n", "…ended with exit code 2 and did not say how its work ended: unknown option"),
        (None, "", "the agent ended and did not say how its work ended"),
    ],
)
def test_an_end_without_a_closing_event_has_failed(status: int | None, errors: str, words: str) -> None:
    outcome = decide_outcome(RunProgress(), status=status, errors=errors)
    assert (outcome.state, outcome.reason) == ("failed", "no_ending")
    assert outcome.explanation is not None
    assert outcome.explanation.endswith(words.lstrip("…"))


def test_a_closing_event_with_another_exit_code_is_not_believed() -> None:
    progress, _ = replay("codex-edit")
    assert decide_outcome(progress, status=1).reason == "no_ending"


def test_why_the_daemon_ended_it_comes_before_what_the_agent_said() -> None:
    progress, _ = replay("claude-sigint")
    for cause, state in CAUSES.items():
        outcome = decide_outcome(progress, cause=cause, status=0)
        assert (outcome.state, outcome.reason) == (state, cause)
        assert state in STATES
        assert state not in UNFINISHED
        assert cause in REASONS
    assert decide_outcome(progress, failure="No such file").explanation == "No such file"
