from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from tests.support.markdown_structure import structure

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)


def test_a_sprint_has_cards_in_order_and_the_backlog_of_the_same_tasks() -> None:
    cards = [Card("Index", "build it", ["src/a.py"], ["make test"]), Card("Query", "answer it")]
    text = render_sprint(Sprint("Search", "plans/prds/x.prd.md", "Search PRD", cards), AT)
    assert "### Task Card 1: Index\n\n- [ ] Objective: build it\n- [ ] Files/entrypoints: `src/a.py`\n" in text
    assert text.index("### Task Card 1") < text.index("### Task Card 2") < text.index("## Final Acceptance")
    assert "| 1 | [ ] | 1. Index | inline | make test | |\n| 2 | [ ] | 2. Query | inline | answer it | |\n" in text
    assert "- PRD: `plans/prds/x.prd.md`" in text
    assert text.rstrip().endswith("| When | Task | Plan | Result |\n| --- | --- | --- | --- |")


@given(HOSTILE, HOSTILE, HOSTILE, st.lists(HOSTILE, max_size=3))
def test_no_text_adds_a_card_a_box_or_a_row(title: str, objective: str, gate: str, several: list[str]) -> None:
    def shape(cards: list[Card], title: str) -> list[str]:
        sprint = Sprint(title, "plans/prds/x.prd.md", title, cards)
        return [s for s in structure(render_sprint(sprint, AT)) if s != "html_inline"]

    hostile = [Card(title, objective, several, several, gate), Card(title, objective)]
    assert shape(hostile, title) == shape([Card("t", "o", ["f"], ["c"], "g"), Card("t", "o")], "t")
