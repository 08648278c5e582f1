"""What adopting creates in a repository that has no workflow yet: a table of files, each made only if missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

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

# Git keeps no empty folders, and these have no other file.
_KEPT_FOLDERS = tuple(folder for folder in FOLDERS if not folder.startswith(".ai/"))

IGNORED = (".ai/harness/checks/latest.json", ".ai/harness/handoff/resume.md")
"""What a session writes for the next one on this machine; the scaffold's own ignore files keep it out of git."""

_AGENTS = """\
# Agents

How agents work in this repository.

- `docs/spec.md` says what the project is for, `plans/` what is planned.
- Plan first: an idea becomes a PRD (`plans/prds/`), a PRD becomes a sprint of task cards (`plans/sprints/`).
- Carry a sprint out card by card: do what the card says, check each of its boxes, and report as the sprint's Rules say.
- Add a handoff note (`.ai/harness/handoff/notes.md`): what is done, what is not, what comes next.
- Keep secrets out of all of these files.
"""

_SPEC = """\
# Spec

> **Status**: Draft

## Product Outcome

[NEEDS CLARIFICATION: what does this project give, and to which people?]

## Success Criteria

[NEEDS CLARIFICATION: what can be measured once it succeeds?]

## Constraints

[NEEDS CLARIFICATION: what must it never do or become?]

## Acceptance Scenarios

[NEEDS CLARIFICATION: what can be observed once it works?]

## Open Questions
"""

# Neither of these two says how the work stands: they would go on saying it when it is no longer true.
_CURRENT = """\
# Current Status Snapshot

Where the work stands is read from its sources: the task cards in `plans/sprints/`, the notes in `.ai/harness/handoff/`
and the results in `.ai/harness/checks/`. `rhctl status` and the tool `harness_status` sum them up.
"""

_RESUME = """\
# Resume

What a session leaves for the next one: its goal, decisions, files touched, commands run, blockers and the exact next
step. Replace all of this file.
"""

_TODOS = """\
# Deferred Goal Ledger

> **Status**: Backlog

## Deferred Goals

| Goal | Why Deferred | Tradeoff | Revisit Trigger |
| --- | --- | --- | --- |
"""

_LESSONS = """\
# Lessons

What was learned from a correction, one line each, so that it is not learned twice.
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def scaffold_files() -> Iterator[tuple[str, str]]:
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
        # The predecessor's `init` reads this file and refuses one without these fields.
        _json(
            {
                "version": "1",
                "contractId": "tasks-first-harness-v1",
                "compatibility": {},
                "helpers": {"scripts": [], "runtimeDirectory": ".ai/harness/scripts", "runtimeSource": "none"},
                "artifacts": {
                    "runtimeManifest": ".ai/harness/policy.json",
                    "requiredDirectories": list(FOLDERS),
                    "requiredFiles": ["tasks/current.md", ".ai/harness/policy.json"],
                },
                "documents": {},
                "migrations": {"legacyVersions": [], "legacyPaths": []},
            }
        ),
    )
    for folder in _KEPT_FOLDERS:
        yield f"{folder}/.gitkeep", ""
    for path in IGNORED:
        folder, _, name = path.rpartition("/")
        yield f"{folder}/.gitignore", f"{name}\n"
    yield ".ai/harness/checks/latest.json", "{}\n"
    yield ".ai/harness/handoff/resume.md", _RESUME
    # Last, since these say that the repository is adopted: an adopt that was interrupted before them goes on.
    yield "tasks/current.md", _CURRENT
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
