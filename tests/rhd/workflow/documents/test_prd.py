from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.prd import Prd, render_prd
from tests.support.markdown_structure import structure

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)


def test_a_prd_has_the_sections_that_make_it_approvable() -> None:
    text = render_prd(
        Prd("Search", "Find things.", problem="Nobody finds anything.", success_criteria=["p99 < 1 s"]), AT
    )
    for section in (
        "# Search",
        "## AI Quick-Read Card",
        "## Problem",
        "## Acceptance Scenarios",
        "## Idea",
        "## Non-goals",
    ):
        assert f"\n{section}\n" in text
    assert "\n> **Status**: Draft\n" in text
    assert "- [ ] p99 < 1 s" in text
    assert text.startswith('---\ntitle: "Search"\nkind: "prd"\ncreated_at: "2026-11-22T10:00:00.000Z"\n')
    assert text.endswith("- None\n")


def test_what_was_not_said_is_marked_as_open() -> None:
    text = render_prd(Prd("Search", "Find things."), AT)
    assert "To be stated" in text


@given(HOSTILE, HOSTILE, HOSTILE, st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_text_adds_a_heading_a_box_or_front_matter(title: str, idea: str, notes: str, several: list[str]) -> None:
    def shape(prd: Prd) -> list[str]:
        return [s for s in structure(render_prd(prd, AT)) if s != "html_inline"]

    hostile = Prd(title, idea, idea, several, several, several, several, notes)
    harmless = Prd("t", "i", "p", *(["x"] * len(several) for _ in range(4)), "n")  # type: ignore[arg-type]
    assert shape(hostile) == shape(harmless)
