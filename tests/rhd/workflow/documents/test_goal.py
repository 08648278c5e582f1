from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.goal import SECTIONS, Goal, render_goal, render_prompt
from tests.support.markdown_structure import structure

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)


def test_a_goal_has_every_section_that_running_it_asks_for() -> None:
    text = render_goal(Goal("plans/prds/a.prd.md", "plans/sprints/a.sprint.md"), AT)
    assert all(f"\n{section}\n" in text for section in SECTIONS)


def test_the_prompt_stands_in_the_goal_word_for_word() -> None:
    goal = Goal("plans/prds/a.prd.md", "plans/sprints/a.sprint.md", "../other")
    prompt = render_prompt(goal)
    assert prompt.startswith("/goal\nRead: plans/prds/a.prd.md\n")
    assert "../other" in prompt
    assert f"```text\n{prompt}\n```" in render_goal(goal, AT)


@given(HOSTILE, HOSTILE)
def test_no_instruction_adds_a_section_or_leaves_the_fence(reference: str, extra: str) -> None:
    def shape(goal: Goal) -> list[str]:
        return [s for s in structure(render_goal(goal, AT)) if s != "html_inline"]

    assert shape(Goal("p", "s", reference, extra)) == shape(Goal("p", "s", "r", "e"))
