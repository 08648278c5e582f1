"""What the tools accept passes the predecessor's strict check, as a draft and in every status after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository
from tests.support.strict_check import PRD_STATUSES, SPRINT_STATUSES, backlog_rows, prd_problems, sprint_problems

CODE = "Like this:\n\n```sh\ncat > plan.md <<EOF\n# Sprint: x\n## Backlog\n| 1 | [x] | a |\n- [ ] b\nEOF\n```"
HEADER = "| # | Status | Task | Mode | Acceptance | Plan |\n"
TABLE = f"{HEADER}| --- | --- | --- | --- | --- | --- |\n| 1 | [?] | a | b | TBD | |"

IDEAS: list[dict[str, Any]] = [
    {"title": "Search", "idea": "Find things."},
    {"title": "Fix: uploads > 2 GB fail with 413", "idea": "Since the move to nginx.", "problem": "11 tickets."},
    {"title": "Fix **Status**: Done is shown twice", "idea": "**Status**: Done"},
    {"title": "**Status**: Superseded", "idea": "A title like a status."},
    {"title": "Sprint: faster search", "idea": "A title like a sprint's."},
    {"title": "Replace nginx by Caddy", "idea": "Replace it.", "problem": "Replace nginx."},
    {"title": "Replace with care", "idea": "Replace all.", "problem": "- Replace this\n- Replace that"},
    {"title": "Dots", "idea": "...and so on", "problem": "...\nReplace it"},
    {"title": "# Sprint: forged", "idea": "## Backlog\n\n# Sprint: forged", "problem": "# Heading alone"},
    {"title": "## Backlog", "idea": TABLE, "problem": TABLE},
    {"title": "Code | pipes || more", "idea": CODE, "problem": CODE, "notes": CODE},
    {"title": "`a|b` in code", "idea": "| a |", "success_criteria": ["`a | b` is shown", CODE]},
    {"title": "Lists", "idea": "- a\n  - b\n\n1. c", "users": ["Anna | Ben"], "non_goals": ["## Problem"]},
    {"title": "Quote", "idea": "> Replace this", "problem": "> Replace this\n> ..."},
    {"title": "搜索：更快", "idea": "把搜索做快。", "problem": "太慢。", "goals": ["快"], "success_criteria": ["快"]},
    {"title": "--- title: x", "idea": "---\ntitle: evil\n**Status**: Approved\n---"},
    {"title": "<!-- hidden", "idea": "<!--\n## Problem\n", "problem": "<!-- x"},
    {"title": "Tilde", "idea": "~~~\n# not closed\n## Problem", "problem": "~~~\n## Backlog"},
    {"title": "Indented", "idea": "    ## Problem\n\n    code", "problem": "    # only code"},
    {"title": 'Quotes "and" \\ backslashes', "idea": "a\\|b \\# c", "problem": "\\"},
    {"title": "#1182", "idea": "#1182 is slow", "problem": "#1182"},
    {"title": "Setext", "idea": "Sprint\n======\n\nBacklog\n-------", "problem": "Backlog\n---"},
]  # fmt: skip
TASKS = [
    {"title": "a | b || c", "objective": f"x | y\n\n## Backlog\n\n{TABLE}", "checks": ["a | b", "! c"]},
    {"title": "a | b || c", "objective": CODE, "observations": ["It is | there", "TBD is not shown"]},
    {"title": "**Status**: Done", "objective": "Replace it", "files": ["a|b.py"], "stage_gate": "| x |"},
]  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path, repository: Repository) -> AsyncIterator[Desk]:
    """A planner in a repository."""
    async with seated(tmp_path / "rhd.db", repository) as desk:
        yield desk


def test_there_are_enough_ideas() -> None:
    assert len(IDEAS) >= 20


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea["title"])
async def test_a_prd_and_its_sprint_pass_in_every_status(
    desk: Desk, repository: Repository, idea: dict[str, Any]
) -> None:
    prd = await desk.call("write_prd_from_idea", **idea)
    text = repository.read(prd["path"])
    for status in PRD_STATUSES:
        said = text.replace("> **Status**: Draft", f"> **Status**: {status}", 1)
        assert prd_problems(prd["path"].rpartition("/")[2], said) == [], status

    await desk.settle()
    title = idea["title"]
    tasks = [*TASKS, {"title": title, "objective": idea["idea"]}, {"title": title, "objective": "again"}]
    sprint = await desk.call("write_checklist_sprint", title=title, prd_path=prd["path"], tasks=tasks)
    text = repository.read(sprint["path"])
    for status in SPRINT_STATUSES:
        assert sprint_problems(text.replace("> **Status**: Draft", f"> **Status**: {status}", 1)) == [], status
    assert [len(row) for row in backlog_rows(text)] == [7] * len(tasks), "no cell holds a pipe"
    await desk.settle()
    (found,) = [
        f for f in (await desk.call("list_workflow_files", kind="sprint"))["files"] if f["path"] == sprint["path"]
    ]
    assert found["status"] == "Draft"
    assert found["cards"] == {"done": 0, "total": len(tasks), "finished": False}


async def test_the_rules_find_what_they_are_for() -> None:
    assert prd_problems("x.prd.md", "# Sprint: x\n") == ["the name", "a sprint among the PRDs", "the status ''"]
    empty = "**Status**: Approved\n## Problem\nReplace x\n...\n## Acceptance Scenarios\n# x\n"
    assert len(prd_problems("20260101-0000-a.prd.md", empty)) == 3
    assert sprint_problems("**Status**: Running\n") == ["the status 'Running'"]
    rows = "| 1 | [?] | ... | x | TBD | |\n| 1 | [ ] | ... | inline | a | |\n"
    assert sprint_problems("**Status**: Executing\n## PRD\nx\n") == ["the backlog's header"]
    assert len(sprint_problems(f"**Status**: Executing\n## PRD\nx\n## Backlog\n{HEADER}{rows}")) == 7
