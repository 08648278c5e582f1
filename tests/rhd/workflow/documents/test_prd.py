from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.prd import Prd, render_prd
from tests.support.markdown_structure import code_blocks, frame

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)
FUNCTION = "def add(a, b):\n    # sum\n    return a + b\n"


def test_a_prd_has_the_sections_that_were_given_and_no_others() -> None:
    prd = Prd("Search", "Find things.\n\nFast.", problem="Nothing is found.", success_criteria=["p99 < 1 s", "No typo"])
    assert render_prd(prd, AT) == (
        '---\ntitle: "Search"\nkind: "prd"\ncreated_at: "2026-11-22T10:00:00.000Z"\nsource: "repo-harness"\n---\n\n'
        "# Search\n\n> **Status**: Draft\n\n"
        "## AI Quick-Read Card\n\n- **Problem**: Nothing is found.\n- **P0 surface**: Find things.\n"
        "- **Core metric**: A1: p99 < 1 s\n\n"
        "## Idea\n\nFind things.\n\nFast.\n\n## Problem\n\nNothing is found.\n\n"
        "## Acceptance Scenarios\n\n- [ ] **A1** p99 < 1 s\n- [ ] **A2** No typo\n"
    )


def test_what_is_needed_and_was_not_given_is_to_be_clarified() -> None:
    text = render_prd(Prd("Search", "Find things."), AT)
    assert text.count("[NEEDS CLARIFICATION: ") == 2
    assert "## Users" not in text
    assert "- **P0 surface**: Find things.\n" in text


def test_a_non_goal_is_no_constraint() -> None:
    text = render_prd(Prd("Shop", "Sell cards.", non_goals=["Selling gift cards online"], users=["Clerks."]), AT)
    assert "onstraint" not in text
    assert "- **Out of scope**: Selling gift cards online\n" in text
    assert "## Non-goals\n\n- Selling gift cards online\n" in text
    assert "- **Users**: Clerks\n" in text


def test_a_text_without_prose_leaves_no_gap_in_the_quick_read_card() -> None:
    text = render_prd(Prd("T", "Idea", users=["```\nx\n```", "Clerks"], goals=["| a |\n| - |"]), AT)
    assert "- **Users**: Clerks\n- **P0 surface**: Idea\n" in text


@pytest.mark.parametrize("problem", ["Replace nginx.", "...", "- Replace it\n- Replace that", "#1182", "> Replace x"])
def test_a_problem_that_the_strict_check_would_overlook_has_a_line_that_it_sees(problem: str) -> None:
    text = render_prd(Prd("T", "Idea", problem, success_criteria=["a", "b"]), AT)
    assert ("Solved when A1 to A2 hold." in text) is (problem != "#1182")


def test_code_in_any_field_arrives_byte_for_byte() -> None:
    fenced = f"See:\n\n```python\n{FUNCTION}```"
    prd = Prd("T", fenced, fenced, [fenced], [fenced], [fenced], [fenced], fenced)
    assert code_blocks(render_prd(prd, AT)) == [FUNCTION] * 7


@given(HOSTILE, HOSTILE, HOSTILE, st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_text_adds_a_heading_a_box_or_front_matter(title: str, idea: str, notes: str, several: list[str]) -> None:
    hostile = Prd(title, idea, idea, several, several, several, several, notes)
    harmless = Prd("t", "i", "p", *(["x"] * len(several) for _ in range(4)), "n")  # type: ignore[arg-type]
    assert frame(render_prd(hostile, AT)) == frame(render_prd(harmless, AT))
