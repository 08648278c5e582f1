"""How a run has ended: its state, a stable reason and the agent's own words.

An exit code alone says little: agents exit with 0 after a failed check, after SIGINT and after an end that calls itself
a success. What the stream reported comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from rhd.runner.run_progress import RunProgress

UNFINISHED = ("queued", "running")
STATES = (*UNFINISHED, "done", "failed", "cancelled", "timed_out", "stalled", "interrupted")

REASONS: dict[str, str] = {
    "agent_error": "The agent itself reported an error.",
    "blocked": "The agent asked for what the owner has not allowed.",
    "budget": "The agent's own spending limit was reached.",
    "cancelled_by_client": "A client cancelled it.",
    "cancelled_by_owner": "The owner cancelled it.",
    "check_failed": "The agent ended normally, but the last command that it ran failed and task cards are open.",
    "daemon_ended": "The daemon ended or was restarted while it ran.",
    "model_unavailable": "The agent's model could not be reached.",
    "no_ending": "The agent ended without saying how.",
    "no_output": "The agent printed nothing for too long and no command was running.",
    "not_enabled": "The owner disabled agent runs, or forgot the repository, while it ran.",
    "not_logged_in": "The agent's login was refused.",
    "not_started": "The agent could not be started.",
    "output_limit": "The agent printed more than is accepted.",
    "rate_limited": "The agent's model refused further requests for now.",
    "time_limit": "It took longer than a run may take.",
    "turn_limit": "The agent's own limit of turns was reached.",
}
"""Why a run has ended, where it is not done. Words are only ever added."""

CAUSES: dict[str, str] = {
    "blocked": "failed",
    "cancelled_by_client": "cancelled",
    "cancelled_by_owner": "cancelled",
    "daemon_ended": "interrupted",
    "no_output": "stalled",
    "not_enabled": "cancelled",
    "output_limit": "failed",
    "time_limit": "timed_out",
}
"""The reasons for which the daemon ends a run itself, and the state that each leads to."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run has ended.

    Attributes:
        state: one of `STATES`.
        reason: one of `REASONS`; None if it is done.
        explanation: a sentence, or the agent's own words; None if there is nothing to say.
    """

    state: str
    reason: str | None = None
    explanation: str | None = None


def decide_outcome(
    progress: RunProgress,
    *,
    cause: str | None = None,
    failure: str | None = None,
    status: int | None = None,
    cards: tuple[int, int] | None = None,
    errors: str = "",
) -> Outcome:
    """Return how a run has ended.

    Args:
        progress: what the agent's output told.
        cause: why the daemon ended it, if it did.
        failure: why it could not be started.
        status: the agent's exit code, negative for a signal.
        cards: done and total of the sprint's task cards now.
        errors: the end of the agent's standard error.
    """
    if cause is not None:
        return Outcome(CAUSES[cause], cause, _blocked(progress) if cause == "blocked" else REASONS[cause])
    if failure is not None:
        return Outcome("failed", "not_started", failure)
    if progress.problem is not None:
        return Outcome("failed", progress.problem_kind or "agent_error", progress.problem)
    if not progress.has_ended or status != 0:
        return Outcome("failed", "no_ending", _no_ending(status, errors))
    open_cards = cards is not None and cards[0] < cards[1]
    if progress.denied and open_cards:
        return Outcome("failed", "blocked", _blocked(progress))
    if progress.is_last_command_failed and (cards is None or open_cards):
        return Outcome("failed", "check_failed", progress.last_message or REASONS["check_failed"])
    return Outcome(
        "done", None, f"{cards[1] - cards[0]} of {cards[1]} task cards are open" if open_cards and cards else None
    )


def _blocked(progress: RunProgress) -> str:
    times = "once" if progress.denied == 1 else f"{progress.denied} times"
    return f"the agent was refused {times} because the owner has not allowed what it wanted to run"


def _no_ending(status: int | None, errors: str) -> str:
    if status is None:
        how = "the agent ended"
    elif status < 0:
        how = f"the agent was ended by signal {-status}"
    else:
        how = f"the agent ended with exit code {status}"
    words = errors.strip().splitlines()
    return f"{how} and did not say how its work ended" + (f": {words[-1]}" if words else "")
