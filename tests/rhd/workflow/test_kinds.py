"""rhd.workflow.kinds: every place an artifact can lie in, and names as real repositories have them."""

from __future__ import annotations

import pytest

from rhd.access import ARTIFACTS
from rhd.workflow.kinds import KINDS, kind_of
from rhd.workflow.reach import may_read


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("AGENTS.md", "instructions"),
        ("CLAUDE.md", "instructions"),
        ("SKILL.md", "instructions"),
        ("docs/spec.md", "spec"),
        ("docs/reference-configs/deploy/env.yaml", "reference"),
        ("plans/plan-20261101-0900-search.md", "plan"),
        ("plans/search", "plan"),
        ("plans/prds/20261101-0900-search.prd.md", "prd"),
        ("plans/prds/20260617-repo-harness-mcp-prd.md", "prd"),
        ("plans/prds/Suche: Größe — v2.1 计划.md", "prd"),
        ("plans/prds/idea v2.1 — the final one", "prd"),
        ("plans/prds/notes.txt", "prd"),
        ("plans/prds/sub/deep.md", "prd"),
        ("plans/prds/stray.sprint.md", "sprint"),
        ("plans/prds/README.md", "reference"),
        ("plans/prds/diagram.png", "reference"),
        ("plans/prds/data.json", "reference"),
        ("plans/sprints/x.sprint.md", "sprint"),
        ("plans/sprints/第一: sprint.md", "sprint"),
        ("plans/sprints/stray.prd.md", "prd"),
        ("plans/stray.PRD.md", "prd"),
        ("plans/stray.sprint.md", "sprint"),
        ("plans/archive/20250101-0900-old.prd.md", "archive"),
        ("tasks/current.md", "current"),
        ("tasks/todos.md", "task"),
        ("tasks/workstreams/api/progress.md", "task"),
        ("tasks/contracts/a.contract.md", "contract"),
        ("tasks/reviews/a.review.md", "review"),
        ("tasks/notes/a.notes.md", "note"),
        ("tasks/archive/todo-20260101-0900-a.md", "archive"),
        (".ai/context/context-map.json", "context"),
        (".ai/harness/handoff/codex-goal.md", "handoff"),
        (".ai/harness/checks/latest.json", "check"),
        (".ai/harness/policy.json", "harness"),
        (".ai/harness/runs/1-a.json", "harness"),
    ],
)
def test_a_kind_is_where_it_lies_and_then_what_it_looks_like(path: str, kind: str) -> None:
    assert may_read(ARTIFACTS, path), "only artifacts have a kind"
    assert kind_of(path) == kind


def test_kinds_are_for_ever() -> None:
    assert KINDS == (
        "archive", "check", "context", "contract", "current", "handoff", "harness", "instructions",
        "note", "plan", "prd", "reference", "review", "spec", "sprint", "task",
    )  # fmt: skip
