from __future__ import annotations

import pytest

from rhd.access import GOAL
from rhd.workflow.documents.goal import SECTIONS
from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

TOOL = "prepare_codex_goal_from_sprint"
PRD = "plans/prds/20261101-0900-search.prd.md"
SPRINT = "plans/sprints/20261102-0900-search.sprint.md"
BOTH = {"prd_path": PRD, "sprint_path": SPRINT}


@pytest.mark.parametrize("profile", ["planner", "executor"])
async def test_the_goal_is_written_and_its_prompt_told(desk: Desk, repository: Repository, profile: str) -> None:
    desk.held = {"project": {profile}}
    said = await desk.call(
        TOOL, **BOTH, reference_repo="~/other", extra_instructions="## Scope\n\nEverything.\n\nSpeak plainly."
    )
    assert (said["path"], said["created"]) == (GOAL, True)
    text = repository.read(GOAL)
    assert [line for line in text.splitlines() if line in SECTIONS] == list(SECTIONS), "no section is forged"
    assert "\\## Scope" in text
    assert "Speak plainly." in text
    assert said["prompt"].startswith(f"/goal Every task card of {SPRINT} is done")
    assert GOAL in said["prompt"]
    assert "Reference repo: `~/other` (read only" in text
    assert said["prompt"] in text
    assert said["revision"] == (await desk.call("read_workflow_file", path=GOAL))["revision"]


async def test_the_next_goal_replaces_ours_and_nobody_elses(desk: Desk, repository: Repository) -> None:
    first = await desk.call(TOOL, **BOTH)
    second = await desk.call(TOOL, **BOTH, extra_instructions="Faster.")
    assert (second["created"], second["path"]) == (False, first["path"])
    assert "Faster." in repository.read(GOAL)
    await desk.refused(TOOL, "REVISION_CONFLICT", **BOTH, expected_revision=first["revision"])
    repository.write(GOAL, "# My own goal\n")
    await desk.refused(TOOL, "WOULD_OVERWRITE", **BOTH, extra_instructions="Again.")
    assert repository.read(GOAL) == "# My own goal\n"
    seen = (await desk.call("read_workflow_file", path=GOAL))["revision"]
    assert (await desk.call(TOOL, **BOTH, expected_revision=seen))["created"] is False


@pytest.mark.parametrize(
    ("prd", "sprint", "missing"),
    [
        (SPRINT, PRD, ["prd", "sprint"]),
        (PRD, "plans/sprints/none.sprint.md", ["sprint"]),
        ("src/index.py", SPRINT, ["prd"]),
        (PRD, PRD, ["sprint"]),
        (SPRINT, SPRINT, ["prd"]),
    ],
)
async def test_what_it_is_made_from_must_be_readable(desk: Desk, prd: str, sprint: str, missing: list[str]) -> None:
    error = await desk.refused(TOOL, "SOURCE_NOT_READABLE", prd_path=prd, sprint_path=sprint)
    assert [each["kind"] for each in error["details"]["missing"]] == missing


async def test_what_something_is_instead_is_said_of_what_may_be_read(desk: Desk) -> None:
    error = await desk.refused(TOOL, "SOURCE_NOT_READABLE", prd_path=SPRINT, sprint_path="src/index.py")
    assert error["message"] == f"{SPRINT} is a sprint and no prd; src/index.py is no readable sprint"


async def test_the_scenarios_of_the_prd_are_conditions_of_the_goal(desk: Desk, repository: Repository) -> None:
    prd = await desk.call("write_prd_from_idea", title="T", idea="i", success_criteria=["It is found", "p99 < 1 s"])
    await desk.settle()
    said = await desk.call(TOOL, prd_path=prd["path"], sprint_path=SPRINT)
    assert f"the acceptance scenarios A1 to A2 of {prd['path']} hold" in said["prompt"]
    assert "- **A1** It is found\n- **A2** p99 < 1 s\n" in repository.read(GOAL)


async def test_a_placeholder_is_refused(desk: Desk) -> None:
    await desk.refused(TOOL, "INVALID_ARGUMENT", **BOTH, extra_instructions="TBD")


async def test_a_link_in_its_place_is_not_followed(desk: Desk, repository: Repository) -> None:
    (repository.path / GOAL).symlink_to(repository.path / "src/index.py")
    await desk.refused(TOOL, "SYMLINK_ESCAPE", **BOTH)
    assert repository.read("src/index.py") == "print('not an artifact')\n"
