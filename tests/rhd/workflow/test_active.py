from __future__ import annotations

import pytest

from rhd.workflow.active import Pointers, find_active, read_pointers
from rhd.workflow.artifacts import Artifact
from rhd.workflow.outline import Outline
from rhd.workflow.root import Root
from tests.support.repositories import Repository

_Plan = tuple[str, str | None, tuple[int, int] | None]


def artifacts(plans: list[_Plan]) -> list[Artifact]:
    """Return artifacts of which each is newer than the one before; finished if all cards are done."""
    return [
        Artifact(f"plans/{name}.md", (1, 1, number, 1), b"A" * 9, Outline(None, status, cards, _is_finished(cards)))
        for number, (name, status, cards) in enumerate(plans)
    ]


def _is_finished(cards: tuple[int, int] | None) -> bool:
    return cards is not None and 0 < cards[0] == cards[1]


@pytest.mark.parametrize(
    ("plans", "active"),
    [
        ([("a", "Draft", None), ("b", "Approved", None), ("c", "Executing", None)], "c"),
        ([("a", "Draft", None), ("b", "Active (since Monday)", None)], "b"),
        ([("a", "In progress", None), ("b", "Approved", None)], "a"),
        ([("a", "Done", None), ("b", "Archived.", None), ("c", "superseded:", None)], "a"),
        ([("a", "Abandoned", None), ("b", "Closed", None), ("c", "Cancelled (no budget)", None)], None),
        ([("d", "Fulfilled", None)], "d"),
        ([("d", "Completed", None), ("e", "✅ Implemented", None)], "e"),
        ([("a", "Executing", (2, 2)), ("b", "Draft", (1, 2))], "b"),
        ([("a", "Executing", (2, 2))], "a"),
        ([("a", "Executing", (2, 2)), ("b", "Archived", (2, 2))], "a"),
        ([("a", "Done", (1, 2)), ("b", "Done", (2, 2))], "a"),
        ([("a", "Executing", (0, 0))], "a"),
        ([("a", "Some day", None), ("b", "Draft", None)], "b"),
        ([("a", None, None), ("b", "", None)], "b"),
        ([], None),
    ],
)  # fmt: skip
def test_active_is_what_is_furthest_then_the_newest_and_else_what_was_done_last(
    plans: list[_Plan], active: str | None
) -> None:
    found = find_active(artifacts(plans))
    assert (found.path if found else None) == (f"plans/{active}.md" if active else None)


def test_what_a_marker_names_is_active_if_it_is_there() -> None:
    held = artifacts([("a", "Done", None), ("b", "Executing", None)])
    assert find_active(held, "plans/a.md") is held[0]
    assert find_active(held, "plans/gone.md") is held[1]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("plans/plan-a.md", "plans/plan-a.md"),
        (" ./plans/plan-a.md\n", "plans/plan-a.md"),
        ("plans/../src/a.py", None),
        ("/etc/passwd", None),
        ("src/a.py", None),
        ("", None),
        ("plans/a\nplans/b", None),
    ],
)
def test_a_marker_names_nothing_outside_of_plans(repository: Repository, said: str, named: str | None) -> None:
    repository.write(".ai/harness/active-plan", said)
    with Root.open(str(repository.path)) as root:
        assert read_pointers(root) == Pointers(named, None)
