"""One run: what was asked for, where it stands, what it has come to."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import trio

from rhd.ids import RepoId, new_token
from rhd.runner.client_text import EXPLANATION_BYTES, client_text, relative_path
from rhd.runner.outcome import UNFINISHED, Outcome
from rhd.runner.run_progress import RunProgress
from rhd.store.run_rows import RunRow
from rhwire.times import format_time


def new_run_id() -> str:
    """Return a fresh id, short enough to be typed."""
    return "run_" + new_token(8)


@dataclass(slots=True)
class AgentRun:
    """One run.

    Attributes:
        id: `run_` and eight characters.
        repo_id: the repository.
        repo_path: the repository's folder, for removing machine paths from the agent's texts.
        agent: its name.
        version: as the agent says it.
        principal: who asked for it: a grant's id, or `owner`.
        client: that client's name; escape before printing.
        revision: of the goal.
        sprint: the path of the goal's sprint.
        allow: the rules that Claude Code was given.
        uncommitted: paths that were not committed when it began; None if git could not say.
        queued_at, started_at, ended_at: seconds since the epoch.
        state: one of `rhd.runner.outcome.STATES`.
        reason, explanation: how it ended, as `Outcome` has them.
        exit_code: the agent's; negative for a signal; None while it runs, and if its tree was ended first.
        cards_before: done and total of the sprint's task cards when it began.
        cards: likewise, at the end.
        artifacts: the artifacts that changed while it ran.
        progress: what the agent's output tells.
        cause: why the daemon is ending it, once it is.
        news: replaced and set whenever something of the above changes.
        scope: around the wait for its turn and everything that is done for it.
    """

    repo_id: RepoId
    repo_path: str
    agent: str
    principal: str
    client: str
    revision: str
    sprint: str
    version: str | None = None
    allow: tuple[str, ...] = ()
    uncommitted: tuple[str, ...] | None = None
    id: str = field(default_factory=new_run_id)
    queued_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    state: str = "queued"
    reason: str | None = None
    explanation: str | None = None
    exit_code: int | None = None
    cards_before: tuple[int, int] | None = None
    cards: tuple[int, int] | None = None
    artifacts: list[str] = field(default_factory=list)
    progress: RunProgress = field(default_factory=RunProgress)
    cause: str | None = None
    news: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs or will run."""
        return self.state not in UNFINISHED

    def tell(self) -> None:
        """Wake everything that waits for news of this run."""
        self.news.set()
        self.news = trio.Event()

    def end(self, outcome: Outcome) -> None:
        """Record how it has ended."""
        self.state, self.reason, self.explanation = outcome.state, outcome.reason, outcome.explanation
        self.ended_at = time.time()
        self.progress.running.clear()

    def to_row(self) -> RunRow:
        """Return what is stored of it."""
        facts: dict[str, Any] = {name: getattr(self, name) for name in _FACTS}
        facts["progress"] = {k: v for k, v in asdict(self.progress).items() if k not in ("running", "is_waiting")}
        return RunRow(
            self.id,
            self.repo_id,
            self.agent,
            self.principal,
            self.client,
            self.revision,
            self.state,
            self.queued_at,
            self.ended_at,
            facts,
        )

    @classmethod
    def of_row(cls, row: RunRow) -> AgentRun:
        """Return a run as it was stored."""
        facts = dict(row.facts)
        progress = RunProgress(**facts.pop("progress"))
        for name in ("cards", "cards_before", "allow", "uncommitted"):
            if facts[name] is not None:
                facts[name] = tuple(facts[name])
        return cls(
            id=row.id,
            repo_id=RepoId(row.repo_id),
            agent=row.agent,
            principal=row.principal,
            client=row.client,
            revision=row.revision,
            state=row.state,
            queued_at=row.queued_at,
            ended_at=row.ended_at,
            progress=progress,
            **facts,
        )


_FACTS = (
    "repo_path",
    "sprint",
    "version",
    "allow",
    "uncommitted",
    "started_at",
    "reason",
    "explanation",
    "exit_code",
    "cards_before",
    "cards",
    "artifacts",
)


def describe_run(run: AgentRun) -> dict[str, Any]:
    """Return what an MCP client may know of a run: never a command, its output, a diff or a path of this machine."""
    progress, now = run.progress, run.ended_at or time.time()
    cards = run.cards or run.cards_before
    return {
        "run_id": run.id,
        "agent": run.agent,
        "agent_version": client_text(run.version, run.repo_path, EXPLANATION_BYTES),
        "state": run.state,
        "reason": run.reason,
        "explanation": client_text(run.explanation, run.repo_path, EXPLANATION_BYTES),
        "exit_code": run.exit_code,
        "queued_at": format_time(run.queued_at),
        "started_at": format_time(run.started_at) if run.started_at is not None else None,
        "ended_at": format_time(run.ended_at) if run.ended_at is not None else None,
        "elapsed_ms": max(0, round((now - run.started_at) * 1000)) if run.started_at is not None else 0,
        "goal_revision": run.revision,
        "sprint": run.sprint,
        "cards": {"done": cards[0], "total": cards[1]} if cards is not None else None,
        "cards_done_before": run.cards_before[0] if run.cards_before is not None else None,
        "counts": {
            "commands": progress.commands,
            "commands_failed": progress.commands_failed,
            "denied": progress.denied,
            "tools": progress.tools,
            "messages": progress.messages,
            "files": len({relative_path(path, run.repo_path) or path for path in progress.files}),
        },
        "artifacts": list(run.artifacts),
        "tokens": {"input": progress.input_tokens, "output": progress.output_tokens}
        if progress.input_tokens is not None and progress.output_tokens is not None
        else None,
        "last_message": client_text(progress.last_message, run.repo_path),
        "uncommitted_before": len(run.uncommitted) if run.uncommitted is not None else None,
    }
