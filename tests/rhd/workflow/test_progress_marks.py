from __future__ import annotations

import pytest

from rhd.workflow.progress_marks import (
    Heading,
    Mark,
    read_box,
    read_heading,
    read_row_number,
    read_state,
    read_status_line,
)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("[x] a", Mark.DONE),
        ("[✔️] a", Mark.DONE),
        ("[ ]", Mark.OPEN),
        ("[~] a", Mark.OPEN),
        ("[1] a", None),
        ("[ab c] a", None),
        ("[x]a", None),
        ("✅ a", Mark.DONE),
        ("❌ a", Mark.OPEN),
        ("a ✅", None),
        ("", None),
    ],
)
def test_boxes(text: str, mark: Mark | None) -> None:
    assert read_box(text) is mark


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Task Card 1: Index", Heading("Task Card 1: Index", None)),
        (" [x] **Task Card 1** ##", Heading("Task Card 1", Mark.DONE)),
        ("✅ ~~Card 1~~ — done", Heading("Card 1", Mark.DONE)),
        ("Card 1 (in progress)", Heading("Card 1", Mark.OPEN)),
        ("Card 1: Pricing (draft)", Heading("Card 1: Pricing (draft)", None)),
        ("Card 1: Search - done by hand", Heading("Card 1: Search - done by hand", None)),
        ("", Heading("", None)),
    ],
)
def test_headings(text: str, heading: Heading) -> None:
    assert read_heading(text) == heading


@pytest.mark.parametrize(
    ("cell", "mark"),
    [
        ("[x]", Mark.DONE),
        ("in review", Mark.OPEN),
        ("[ ]", None),
        ("", None),
        ("contract", None),
        ("Done ✅", Mark.DONE),
    ],
)
def test_states(cell: str, mark: Mark | None) -> None:
    assert read_state(cell) is mark


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("**Status**: done", Mark.DONE),
        ("Status：进行中", Mark.OPEN),
        ("Status quo: done", None),
        ("✅ Done 2026-11-30", Mark.DONE),
        ("Done: the index", None),
        ("x" * 300, None),
    ],
)
def test_status_lines(text: str, mark: Mark | None) -> None:
    assert read_status_line(text) is mark


@pytest.mark.parametrize(
    ("cell", "number"), [("1", "1"), ("~~2~~", "2"), ("Card 1a", "1a"), ("1.2.", "1.2"), ("a", None)]
)
def test_numbers_of_rows(cell: str, number: str | None) -> None:
    assert read_row_number(cell) == number
