"""`goal` on the socket."""

from __future__ import annotations

from rhd.access import GOAL
from rhd.workflow.documents.goal import DEFAULT_PROMPT, Goal, render_goal, render_prompt
from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_prompt_of_the_goal_is_told(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    refused = await daemon.refusal("goal", repo=slug)
    assert (refused.code, "prepare_codex_goal_from_sprint" in (refused.next_step or "")) == ("NOT_FOUND", True)
    goal = Goal("plans/prds/a.prd.md", "plans/sprints/a.sprint.md")
    repository.write(GOAL, render_goal(goal, "2026-11-22T10:00:00.000Z"))
    assert await daemon.call("goal", repo=slug) == {"slug": slug, "path": GOAL, "prompt": render_prompt(goal)}


async def test_a_goal_written_by_hand_has_a_prompt_that_names_it(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    repository.write(GOAL, "# My goal\n")
    assert (await daemon.call("goal", repo=slug))["prompt"] == DEFAULT_PROMPT
