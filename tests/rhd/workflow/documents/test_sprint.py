from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.scenarios import Scenario
from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from tests.support.markdown_structure import code_blocks, frame
from tests.support.strict_check import backlog_rows

AT = "2026-11-22T10:00:00.000Z"
HOSTILE = st.text(alphabet=st.sampled_from("#-*>|`~=[]x :<1.\\\n\rab"), max_size=40).filter(str.strip)


def sprint(*cards: Card, scenarios: tuple[Scenario, ...] = ()) -> str:
    return render_sprint(Sprint("Search", "plans/prds/x.prd.md", "Search PRD", cards, scenarios), AT)


def test_a_card_has_its_objective_its_files_and_a_box_for_each_check_and_observation() -> None:
    card = Card("Index", "It is built", ["src/a.py", "b"], ["make 'a  b' | grep x"], ["It is fast"], "Reviewed")
    assert (
        "### Task Card 1: Index\n\nObjective: It is built\n\nFiles: `src/a.py`, `b`\n\n"
        "- [ ] `make 'a  b' | grep x`\n- [ ] It is fast\n- [ ] Before the next card: Reviewed\n\nResult:\n\n"
        "## Final Acceptance\n"
    ) in sprint(card)


def test_a_card_without_checks_says_so() -> None:
    assert "- [ ] [NEEDS CLARIFICATION: which command or observation" in sprint(Card("Index", "It is built"))


def test_boxes_are_no_part_of_a_list_that_the_objective_ends_with() -> None:
    assert "- b\n\nDone when:\n\n- [ ] `c`\n" in sprint(Card("T", "Do\n\n- a\n- b", checks=["c"]))
    assert "Objective:\n\n- a\n\nFiles: `f`\n\n- [ ] `c`\n" in sprint(Card("T", "- a", ["f"], ["c"]))


def test_the_backlog_holds_every_card_once_and_no_pipe() -> None:
    titles = ["A | b", "A | b", "`a|b`", "\\|", " "]
    rows = backlog_rows(sprint(*(Card(title, "o", checks=["c"]) for title in titles)))
    assert [row[2] for row in rows] == ["A / b", "A / b (2)", "`a/b`", "\\\\/", "Untitled"]
    assert {(len(row), row[1], row[3], row[5]) for row in rows} == {(7, "[ ]", "inline", "(pending)")}
    assert [row[4] for row in rows] == [f"see card {number}" for number in range(1, 6)]


def test_the_scenarios_of_the_prd_are_the_final_acceptance() -> None:
    text = sprint(Card("T", "o"), scenarios=(Scenario("A1", "It is found"), Scenario("A2", "p99 < 1 s")))
    assert "(Search PRD); its scenarios A1 to A2 decide whether this sprint is done." in text
    assert "## Final Acceptance\n\n- [ ] **A1** It is found\n- [ ] **A2** p99 < 1 s\n- [ ] The repository's" in text
    assert "its scenario A1 decides" in sprint(Card("T", "o"), scenarios=(Scenario("A1", "x"),))


def test_the_execution_log_is_last_since_scripts_add_rows_at_the_end() -> None:
    assert sprint(Card("T", "o")).endswith("\n| When | Task | Plan | Result |\n| --- | --- | --- | --- |\n")


def test_code_in_a_card_arrives_byte_for_byte() -> None:
    code = "def f():\n    return 1\n\n# done\n"
    fenced = f"See:\n\n```py\n{code}```"
    assert code_blocks(sprint(Card("T", fenced, observations=[fenced], stage_gate=fenced))) == [code] * 3


@given(HOSTILE, HOSTILE, HOSTILE, st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_text_adds_a_card_a_box_or_a_row(title: str, objective: str, gate: str, several: list[str]) -> None:
    def shape(cards: list[Card], title: str) -> tuple[list[str], int]:
        text = render_sprint(Sprint(title, "plans/prds/x.prd.md", title, cards, (Scenario("A1", title),)), AT)
        return frame(text), len(backlog_rows(text))

    hostile = [Card(title, objective, several, several, several, gate), Card(title, objective)]
    harmless = [Card("t", "o", ["f"], ["c"] * len(several), ["o"] * len(several), "g"), Card("t", "o")]
    assert shape(hostile, title) == shape(harmless, "t")
