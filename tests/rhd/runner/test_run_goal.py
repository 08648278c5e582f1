"""The goal that a run is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhd.access import GOAL
from rhd.errors import Refusal
from rhd.runner.run_goal import MAX_BYTES, check_goal
from rhd.workflow.documents.goal import SECTIONS
from tests.support.agent_runs import Runs
from tests.support.agents import PRD, SPRINT


def goal(**sections: str) -> str:
    return "\n\n".join(f"{heading}\n\n{sections.get(heading.strip('# '), 'text')}" for heading in SECTIONS)


def test_every_section_must_be_there_and_outside_of_code() -> None:
    check_goal(goal())
    with pytest.raises(Refusal) as refused:
        check_goal(goal().replace(f"{SECTIONS[1]}\n", f"```\n{SECTIONS[1]}\n```\n"))
    assert (refused.value.code, refused.value.details) == ("INVALID_GOAL", {"missing": [SECTIONS[1]]})


def test_a_goal_with_a_secret_is_given_to_no_agent() -> None:
    with pytest.raises(Refusal) as refused:
        check_goal(goal() + "\ntoken ghp_Zk3vQ8sLxW1tYbN5mRdC7fHjP2gA9eUoKqIw\n")
    assert refused.value.code == "INVALID_GOAL"
    assert "ghp_" not in str(refused.value.message) + str(refused.value.next_step)


async def test_what_the_caller_has_not_read_or_cannot_read_is_not_run(runs: Runs) -> None:
    path = runs.repository.path
    (path / PRD).unlink()
    await runs.daemon.settle("project")
    refused = await runs.start()
    assert (refused["code"], refused["details"]["missing"][0]["path"]) == ("SOURCE_NOT_READABLE", PRD)
    text = runs.repository.read(GOAL)
    for broken, code in ((text + " ", "REVISION_CONFLICT"), ("x" * (MAX_BYTES + 1), "FILE_TOO_LARGE")):
        (path / GOAL).write_text(broken)
        assert (await runs.start())["code"] == code
    (path / GOAL).unlink()
    assert (await runs.start())["code"] == "NOT_FOUND"


async def test_a_goal_that_is_a_link_is_not_followed(runs: Runs, tmp_path: Path) -> None:
    place = runs.repository.path / GOAL
    (tmp_path / "other.md").write_text(place.read_text())
    place.unlink()
    place.symlink_to(tmp_path / "other.md")
    assert (await runs.start())["code"] == "SYMLINK_ESCAPE"
    assert SPRINT
