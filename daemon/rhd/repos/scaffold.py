"""What adopting creates in a repository that has no workflow yet: a table of files, each made only if missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rhwire.times import format_time

ADOPTED_MARKS = (".ai/harness/policy.json", "tasks/current.md")
"""A repository is adopted when one of these exists: the one rule, asked in one place (adoption.is_adopted)."""

IGNORE = ".repo-harness/.gitignore"
ID = ".repo-harness/id"
COPY = ".repo-harness/mcp.oauth.json"
"""The passphrase's copy for people: written at adopt and rotate, never read."""

FOLDERS = (
    "plans/prds",
    "plans/sprints",
    "plans/archive",
    "tasks/contracts",
    "tasks/reviews",
    "tasks/notes",
    "tasks/archive",
    ".ai/context",
    ".ai/harness/handoff",
    ".ai/harness/checks",
)

_AGENTS = """\
# Agents

How agents work in this repository.

- The intent stands in `docs/spec.md`, what is planned in `plans/`, what is being done in `tasks/current.md`.
- Plan first: an idea becomes a PRD (`plans/prds/`), a PRD becomes a sprint of task cards (`plans/sprints/`).
- Carry a sprint out card by card: do the card, run its checks, tick its boxes, stage the result.
- Leave a handoff (`.ai/harness/handoff/`) that says what is done, what is not and what comes next.
- Never put secrets in any of these files.
"""

_SPEC = """\
# Spec

> **Status**: Draft

## Product Outcome

To be stated: what does this project give to whom?

## Success Criteria

- [ ] To be stated

## Constraints

- None stated

## Acceptance Scenarios

- [ ] To be stated

## Open Questions

- None stated
"""

_CURRENT = """\
# Current Status Snapshot

> **Status**: Idle
> **Updated At**: {at}
> **Reason**: adopted

Nothing is in progress. The next step is to write a PRD.
"""

_TODOS = """\
# Deferred Goal Ledger

> **Status**: Backlog

| Goal | Why Deferred | Tradeoff | Revisit Trigger |
| --- | --- | --- | --- |
"""

_LESSONS = """\
# Lessons

What was learned from a correction, one line each, so that it is not learned twice.
"""

_RESUME = """\
# Resume

## Goal

None yet.

## Exact next step

Write a PRD from an idea.
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def scaffold_files(now: float) -> Iterator[tuple[str, str]]:
    """Yield `(path, text)` of every file that an adopted repository starts with."""
    yield "AGENTS.md", _AGENTS
    yield "docs/spec.md", _SPEC
    yield "tasks/todos.md", _TODOS
    yield "tasks/lessons.md", _LESSONS
    yield (
        ".ai/context/context-map.json",
        _json(
            {
                "version": 1,
                "always": ["AGENTS.md", "docs/spec.md", "tasks/current.md"],
                "planning": ["plans/"],
                "execution": [".ai/harness/handoff/"],
            }
        ),
    )
    yield (
        ".ai/harness/workflow-contract.json",
        _json({"version": 1, "contractId": "tasks-first-harness-v1", "requiredDirectories": list(FOLDERS)}),
    )
    yield ".ai/harness/checks/latest.json", "{}\n"
    yield ".ai/harness/handoff/resume.md", _RESUME
    # Last, since these say that the repository is adopted: an adopt that was interrupted before them goes on.
    yield "tasks/current.md", _CURRENT.format(at=format_time(now))
    yield (
        ".ai/harness/policy.json",
        _json(
            {
                "version": 1,
                "prds": "plans/prds",
                "sprints": "plans/sprints",
                "plans": "plans",
                "tasks": "tasks",
                "handoff": ".ai/harness/handoff",
                "checks": ".ai/harness/checks",
            }
        ),
    )
