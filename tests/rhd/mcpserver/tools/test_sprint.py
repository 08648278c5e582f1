from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

TOOL = "write_checklist_sprint"
PRD = "plans/prds/20261101-0900-search.prd.md"
SPRINT = "plans/sprints/20261102-0900-search.sprint.md"
CARDS = [
    {"title": "Index", "objective": "build the index"},
    {
        "title": "Query | pipe",
        "objective": "answer\n### Task Card 9: forged\n- [x] done",
        "files": ["src/query.py"],
        "checks": ["make test", "echo `x`"],
        "stage_gate": "reviewed",
    },
]


async def test_cards_are_written_in_order_and_counted(desk: Desk, repository: Repository) -> None:
    said = await desk.call(TOOL, title="Search sprint", prd_path=PRD, tasks=CARDS)
    assert re.fullmatch(r"plans/sprints/\d{8}-\d{4}-search-sprint\.sprint\.md", said["path"])
    assert (said["created"], said["cards"]) == (True, 2)
    text = repository.read(said["path"])
    assert f"\n## PRD\n\n`{PRD}` says why and for whom" in text
    assert re.findall(r"^### .*$", text, re.M) == ["### Task Card 1: Index", "### Task Card 2: Query | pipe"]
    (found,) = [
        f for f in (await desk.call("list_workflow_files", kind="sprint"))["files"] if f["path"] == said["path"]
    ]
    assert found["cards"] == {"done": 0, "total": 2, "finished": False}, (
        "nothing that a model says ticks a card or makes one"
    )
    assert found["title"] == "Search sprint"


@pytest.mark.parametrize(
    "path", ["plans/prds/none.prd.md", SPRINT, "AGENTS.md", "src/index.py", "tasks/todos.md", "../prd.md", "plans/prds"]
)
async def test_what_is_no_readable_prd_is_refused_and_named(desk: Desk, repository: Repository, path: str) -> None:
    repository.write("tasks/todos.md", "# Todos\n")
    await desk.settle()
    error = await desk.refused(TOOL, "PRD_NOT_READABLE", title="T", prd_path=path, tasks=CARDS)
    assert error["details"] == {"missing": [{"kind": "prd", "path": path}]}
    assert not list((repository.path / "plans/sprints").glob("*-t.sprint.md"))


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [{"title": "a"}],
        [{"title": " ", "objective": "o"}],
        [{"title": "a", "objective": "o"}] * 101,
        [{"title": "a", "objective": "o", "checks": "x"}],
        "a card",
    ],
)
async def test_what_is_no_list_of_cards_is_refused(desk: Desk, tasks: Any) -> None:
    await desk.refused(TOOL, "INVALID_ARGUMENT", title="T", prd_path=PRD, tasks=tasks)


async def test_the_scenarios_of_the_prd_are_its_final_acceptance(desk: Desk, repository: Repository) -> None:
    prd = await desk.call("write_prd_from_idea", title="T", idea="i", success_criteria=["It is found"])
    await desk.settle()
    said = await desk.call(TOOL, title="T", prd_path=prd["path"], tasks=CARDS)
    assert "## Final Acceptance\n\n- [ ] **A1** It is found\n" in repository.read(said["path"])


@pytest.mark.parametrize(
    ("task", "named"),
    [
        ({"objective": "TBD"}, "tasks[1].objective is a placeholder"),
        ({"title": "..."}, "tasks[1].title is a placeholder"),
        ({"checks": ["make", "Replace with a command line"]}, "tasks[1].checks[1] is a placeholder"),
        ({"checks": ["The tests pass"]}, "tasks[1].checks[0] is a sentence"),
        ({"checks": ["cat <<EOF\nx\nEOF"]}, "tasks[1].checks[0] has more than one line"),
        ({"observations": ["n/a"]}, "tasks[1].observations[0] is a placeholder"),
    ],
)
async def test_what_cannot_be_verified_is_refused_with_what_to_send(
    desk: Desk, task: dict[str, Any], named: str
) -> None:
    tasks = [CARDS[0], {"title": "a", "objective": "o"} | task]
    error = await desk.refused(TOOL, "INVALID_ARGUMENT", title="T", prd_path=PRD, tasks=tasks)
    assert error["message"].startswith(named)
    assert "Send" in error["next_step"]


async def test_a_card_has_no_other_fields(desk: Desk) -> None:
    tasks = [{"title": "a", "objective": "o", "file": "x"}]
    await desk.refused(TOOL, "UNKNOWN_PARAMETER", title="T", prd_path=PRD, tasks=tasks)


async def test_a_revision_without_the_document_that_it_is_of_is_refused(desk: Desk) -> None:
    revision = "r1_" + "a" * 22
    await desk.refused(TOOL, "INVALID_ARGUMENT", title="T", prd_path=PRD, tasks=CARDS, expected_revision=revision)


async def test_only_a_planner_writes_it(desk: Desk) -> None:
    desk.held = {"project": {"executor"}}
    await desk.refused(TOOL, "PROFILE_NOT_GRANTED", title="T", prd_path=PRD, tasks=CARDS)
