from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.goal import MAX_PROMPT_CHARS, SECTIONS, Goal, read_prompt, render_goal, render_prompt
from rhd.workflow.documents.scenarios import Scenario
from tests.support.markdown_structure import frame

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)
SCENARIOS = (Scenario("A1", "It is found"), Scenario("A2", "p99 < 1 s"))
GOAL = Goal("plans/prds/a.prd.md", "plans/sprints/a.sprint.md", SCENARIOS, "../other", "Use Go.")


def test_a_goal_has_every_section_that_running_it_asks_for() -> None:
    text = render_goal(GOAL, AT)
    assert all(f"\n{section}\n" in text for section in SECTIONS)
    assert "- **A1** It is found\n- **A2** p99 < 1 s\n" in text
    assert "\n## Extra instructions\n\nUse Go.\n" in text


def test_a_goal_asks_for_nothing_that_a_sandbox_refuses() -> None:
    text = render_goal(GOAL, AT).lower()
    assert "worktree" not in text
    assert "stage" not in text
    assert "git add" not in text


def test_the_prompt_is_a_condition_that_names_the_goal_and_where_boxes_are_ticked() -> None:
    prompt = render_prompt(GOAL)
    assert prompt.startswith(
        "/goal Every task card of plans/sprints/a.sprint.md is done, and the acceptance scenarios A1 to A2 of "
        "plans/prds/a.prd.md hold. The contract is .ai/harness/handoff/codex-goal.md: read it first"
    )
    assert "tick them and set its Backlog row to [x] in plans/sprints/a.sprint.md" in prompt
    assert ".ai/harness/handoff/notes.md" in prompt
    assert len(prompt) <= MAX_PROMPT_CHARS


def test_the_prompt_is_short_whatever_the_paths_and_scenarios_are() -> None:
    many = tuple(Scenario(f"A{2 * number}", "x") for number in range(50))
    assert len(render_prompt(Goal("p" * 1024, "s" * 1024, many))) <= MAX_PROMPT_CHARS
    assert len(render_prompt(Goal("p" * 120, "s" * 120, many))) <= MAX_PROMPT_CHARS


def test_the_prompt_stands_in_the_goal_word_for_word() -> None:
    assert read_prompt(render_goal(GOAL, AT)) == render_prompt(GOAL)
    assert read_prompt("# Codex Goal\n") is None


@given(HOSTILE, HOSTILE)
def test_no_instruction_adds_a_section_or_leaves_the_fence(reference: str, extra: str) -> None:
    def shape(goal: Goal) -> list[str]:
        return frame(render_goal(goal, AT))

    assert shape(Goal("p", "s", (), reference, extra)) == shape(Goal("p", "s", (), "r", "e"))
    assert read_prompt(render_goal(Goal("p", "s", (), reference, f"```text\n/goal x\n```\n{extra}"), AT)) is not None
