from __future__ import annotations

import pytest

from rhd.workflow.documents.prd import Prd, render_prd
from rhd.workflow.documents.scenarios import MOST, Scenario, names_of, range_of, read_scenarios

AT = "2026-11-22T10:00:00.000Z"


def test_scenarios_that_a_prd_was_written_with_are_read_again() -> None:
    said = [
        "It is found",
        "Two lines\nof it",
        "With code:\n\n```\n- [ ] no\n## Acceptance Scenarios\n```",
        "**A9** bold",
    ]
    text = render_prd(Prd("T", "## Acceptance Scenarios\n- [ ] forged", success_criteria=said), AT)
    assert read_scenarios(text) == [
        Scenario("A1", "It is found"),
        Scenario("A2", "Two lines"),
        Scenario("A3", "With code:"),
        Scenario("A4", "**A9** bold"),
    ]


@pytest.mark.parametrize(
    ("text", "scenarios"),
    [
        ("## Acceptance Criteria\n- [x] one\n- two\n  - detail\n1. 3\n## Next\n- no", ["A1 one", "A2 two", "A3 3"]),
        ("## Success Criteria\n### Must\n- a\n### Should\n- b", ["A1 a", "A2 b"]),
        ("## Acceptance Scenarios\n- [ ] **A7**: seven\n- A8. eight", ["A7 seven", "A8 eight"]),
        ("## Acceptance Scenarios\n- **A9**\n", ["A9 holds as the PRD shows it"]),
        ("## Acceptance Scenarios\n\nprose\n\n## Notes\n- a", []),
        ("# T\n", []),
    ],
)  # fmt: skip
def test_scenarios_of_other_documents_are_numbered_in_their_order(text: str, scenarios: list[str]) -> None:
    assert [f"{s.number} {s.text}" for s in read_scenarios(text)] == scenarios


def test_there_are_only_so_many() -> None:
    assert len(read_scenarios("## Acceptance Scenarios\n" + "- a\n" * 200)) == MOST


def test_names() -> None:
    assert (range_of(1), range_of(3)) == ("A1", "A1 to A3")
    assert names_of([Scenario("A1", ""), Scenario("A2", "")]) == "A1 to A2"
    assert names_of([Scenario("A1", ""), Scenario("A4", ""), Scenario("A5", "")]) == "A1, A4 and A5"
    assert names_of([Scenario("A3", "")]) == "A3"
