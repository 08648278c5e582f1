"""rhd.workflow.progress: sprints as Codex, Claude Code, Gemini CLI and people leave them behind."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.workflow.documents.scenarios import Scenario
from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from rhd.workflow.progress import Progress, read_progress

OURS = render_sprint(
    Sprint(
        "S",
        "plans/prds/x.prd.md",
        "P",
        [Card("Index", "Built", ["a.py"], ["make"], ["Fast"]), Card("Query", "Answered", [], ["make test"])],
        [Scenario("A1", "It is found")],
    ),
    "2026-11-22T10:00:00.000Z",
)


def tick(text: str, times: int, mark: str = "x") -> str:
    return text.replace("- [ ]", f"- [{mark}]", times)


def cards(*bodies: str, heading: str = "### Task Card {}: Title", end: str = "") -> str:
    """Return a sprint with a card for each body."""
    parts = (f"{heading.format(number)}\n\n{body}\n" for number, body in enumerate(bodies, 1))
    return "# Sprint\n\n> **Status**: Executing\n\n## Checklist\n\n" + "\n".join(parts) + end


def headings(*lines: str, level: str = "###") -> str:
    """Return a sprint of headings alone, without boxes."""
    return "# Sprint\n\n## Cards\n\n" + "\n\n".join(f"{level} {line}\n\nWords." for line in lines) + "\n"


def table(*cells: str, head: str = "| # | Status | Task | Mode | Acceptance | Plan |") -> str:
    dashes = "|" + " --- |" * (head.count("|") - 1)
    rows = (f"| {number} | {cell} | Index | inline | it works | p |" for number, cell in enumerate(cells, 1))
    return "\n".join(["## Backlog", "", head, dashes, *rows, ""])


BOX = "- [x] done\n- [ ] open"
DONE = "- [x] a\n- [x] b"

DONE_CELLS = (
    *("[x]", "[X]", "x", "✅", "✓", "☑️", "done", "**done**", "`[x]`", "[✅]", "completed", "yes", "fertig", "已完成"),
    *("100%", "Done ✅", "✅ Done", "~~[ ]~~", "[x] done"),
)
OPEN_CELLS = ("[ ]", "", "todo", "[~]", "[-]", "in progress", "WIP", "🚧", "not done", "(pending)", "❌", "?", "no")

CORPUS: dict[str, tuple[str, int, int]] = {
    # The marks of boxes.
    "ours, untouched": (OURS, 0, 2),
    "ours, one box": (tick(OURS, 1), 0, 2),
    "ours, the first card": (tick(OURS, 2), 1, 2),
    "ours, every card": (tick(OURS, 3), 2, 2),
    "ours, everything": (tick(OURS, 9), 2, 2),
    "ours, the rows alone": (OURS.replace("| [ ] |", "| [x] |"), 0, 2),
    "ours, results but no boxes": (OURS.replace("Result:", "Result: all done ✅"), 0, 2),
    "big X": (tick(OURS, 2, "X"), 1, 2),
    **{f"the mark {mark}": (tick(OURS, 3, mark), 0, 2) for mark in "~-/>?!*o.vyk"},
    **{f"the sign {mark}": (tick(OURS, 3, mark), 2, 2) for mark in ("✅", "✓", "☑", "✔", "✔️")},
    "two blanks": (tick(OURS, 3, "  "), 0, 2),
    "stars": (cards(DONE.replace("-", "*"), BOX.replace("-", "*")), 1, 2),
    "pluses": (cards(DONE.replace("-", "+")), 1, 1),
    "numbers": (cards("1. [x] a\n2. [x] b", "1) [x] a\n2) [ ] b"), 1, 2),
    "indented": (cards("   - [x] a\n   - [ ] b"), 0, 1),
    "tabs": (cards("-\t[x] a\n-\t[x] b"), 1, 1),
    "nested boxes": (cards("- [x] a\n  - [x] b\n  - [ ] c"), 0, 1),
    "nested boxes done": (cards("- [x] a\n  - [x] b\n    - [X] c"), 1, 1),
    "boxes under plain items": (cards("- Files\n  - [x] a\n- Checks\n  - [x] b"), 1, 1),
    "quoted boxes": (cards("> - [x] a\n> - [ ] b"), 0, 1),
    "signs for boxes": (cards("- ✅ a\n- ✅ b", "- ✅ a\n- ❌ b", "- ☑ a\n- ☐ b", "- ✔️ a"), 2, 4),
    "hourglasses": (cards("- ✅ a\n- ⏳ b", "- 🚧 a"), 0, 2),
    "squares": (cards("- ⬜ a", "- ✅ a\n- ⬜ b"), 0, 2),
    "no space behind a box": (cards("- [x]a", "- [x] b"), 1, 2),
    "no list marker": (cards("[x] a\n[x] b"), 0, 1),
    "a box in a sentence": (cards("- say [x] here", "- [x] a"), 1, 2),
    "a box in code": (cards("- [x] a\n- `[ ]` is a box"), 1, 1),
    "a link with a number": (cards("- [1] see below\n- [x] a"), 1, 1),
    "a link": (cards("- [x](https://example.com)\n- [x] a"), 1, 1),
    "an empty box": (cards("- []\n- [x] a"), 1, 1),
    "a box without words": (cards("- [x]\n- [ ]"), 0, 1),
    "struck out but open": (cards("- [ ] ~~a~~\n- [x] b"), 0, 1),
    "CRLF": (cards(DONE, BOX).replace("\n", "\r\n"), 1, 2),
    "a last line without an end": (cards(DONE).rstrip("\n"), 1, 1),
    "blank lines between boxes": (cards("- [x] a\n\n\n- [ ] b"), 0, 1),
    "boxes in code blocks": (cards("- [x] a\n\n      - [ ] in code\n"), 1, 1),
    # The forms of headings.
    "level two": (cards(DONE, BOX, heading="## Task Card {}: T"), 1, 2),
    "level four": (cards(DONE, BOX, heading="#### Task Card {}: T"), 1, 2),
    "Card": (cards(DONE, BOX, heading="### Card {}"), 1, 2),
    "card with a dash": (cards(DONE, BOX, heading="### Card {} — Index"), 1, 2),
    "CARD": (cards(DONE, BOX, heading="### TASK CARD {}"), 1, 2),
    "card with a number sign": (cards(DONE, BOX, heading="### Task Card #{}: T"), 1, 2),
    "Task": (cards(DONE, BOX, heading="### Task {}: T"), 1, 2),
    "Ticket": (cards(DONE, BOX, heading="### Ticket {}. T"), 1, 2),
    "Step": (cards(DONE, BOX, heading="## Step {} - T"), 1, 2),
    "Phase": (cards(DONE, BOX, heading="## Phase {}: T"), 1, 2),
    "numbers alone": (cards(DONE, BOX, heading="### {}. T"), 1, 2),
    "numbers outside of the checklist": ("# S\n\n## Notes\n\n### 1. T\n\n- [x] a\n", 1, 1),
    "letters": (headings("Task Card 1a ✅", "Task Card 1b", "Task Card 2 ✅"), 2, 3),
    "points": (headings("Task Card 1.1 ✅", "Task Card 1.2", "Task Card 2.1.3"), 1, 3),
    "bold": (cards(DONE, BOX, heading="### **Task Card {}: T**"), 1, 2),
    "bold in part": (cards(DONE, BOX, heading="### **Task Card {}**: T"), 1, 2),
    "italic": (cards(DONE, BOX, heading="### _Task Card {}_ T"), 1, 2),
    "code": (cards(DONE, BOX, heading="### `Task Card {}` T"), 1, 2),
    "a bold line for a heading": (cards(DONE, BOX, heading="**Task Card {}: T**"), 1, 2),
    "underlined": (cards(DONE, BOX, heading="Task Card {}: T\n-----------"), 1, 2),
    "closed by marks": (cards(DONE, BOX, heading="### Task Card {}: T ###"), 1, 2),
    "quoted": (cards(DONE, BOX, heading="> ### Task Card {}: T"), 1, 2),
    "quoted whole": ("> ### Task Card 1\n>\n> - [x] a\n>\n> ### Task Card 2\n>\n> - [ ] a\n", 1, 2),
    "in a list": ("- ### Task Card 1\n  - [x] a\n- ### Task Card 2\n  - [ ] a\n", 1, 2),
    "indented heading": (cards(DONE, heading="   ### Task Card {}"), 1, 1),
    "in a details element": (f"<details>\n<summary>Card</summary>\n\n{cards(DONE)}\n</details>\n", 1, 1),
    "phases with cards in them": (cards(DONE, BOX, heading="## Phase {0}\n\n### Task Card {0}: T"), 1, 2),
    "twice under one number": ("### Card 1: A\n- [x] a\n### Card 1: B\n- [ ] b\n", 1, 2),
    "a card in two parts": ("### Card 1: A\n- [x] a\n### Card 2: B\n- [x] b\n### Card 1: A\n- [ ] c\n", 1, 2),
    "a leading zero": ("### Task Card 01: a\n- [x] a\n### Task Card 1: a\n- [ ] b\n", 0, 1),
    # Marks on headings.
    "[x] before": (headings("[x] Task Card 1: T", "[ ] Task Card 2: T"), 1, 2),
    "[X] behind": (headings("Task Card 1: T [X]", "Task Card 2: T [ ]"), 1, 2),
    "[~] before": (headings("[x] Task Card 1", "[~] Task Card 2"), 1, 2),
    "✅ before": (headings("✅ Task Card 1: T", "Task Card 2: T"), 1, 2),
    "✅ behind": (headings("Task Card 1: T ✅", "Task Card 2: T"), 1, 2),
    "✅ behind the number": (headings("Task Card 1 ✅: T", "Card 2: T"), 0, 2),
    "✔️ before": (headings("✔️ Task Card 1: T"), 1, 1),
    "☑️ behind": (headings("Task Card 1: T ☑️"), 1, 1),
    "⏳ before": (headings("✅ Task Card 1", "⏳ Task Card 2", "🚧 Task Card 3"), 1, 3),
    "struck": (headings("~~Task Card 1: T~~", "Task Card 2"), 1, 2),
    "struck with a sign": (headings("~~Task Card 1: T~~ ✅", "✅ ~~Task Card 2: T~~"), 2, 2),
    "struck with an open box": (cards(BOX, heading="### ~~Task Card {}~~"), 0, 1),
    "(done)": (headings("Task Card 1: T (done)", "Task Card 2: T (DONE)", "Task Card 3: T (in progress)"), 2, 3),
    "[done]": (headings("Task Card 1: T [done]", "Task Card 2: T [WIP]"), 1, 2),
    "— Done": (headings("Task Card 1: T — Done", "Task Card 2: T - completed", "Task Card 3: T – not started"), 2, 3),
    "(completed 2026-11-30)": (headings("Task Card 1: T (completed 2026-11-30)"), 1, 1),
    "✅ DONE": (headings("Task Card 1: T ✅ DONE", "Task Card 2: T — ✅ Complete"), 1, 2),
    "| done": (headings("Task Card 1: T | done", "Task Card 2: T | todo"), 1, 2),
    "done in the words": (headings("Task Card 1: Get it done", "Task Card 2: Done button"), 0, 2),
    "✅ in the words": (headings("Task Card 1: Show ✅ in lists"), 0, 1),
    "done but a box is open": (cards(BOX, heading="### ✅ Task Card {}: T"), 0, 1),
    "in progress though all is ticked": (cards(DONE, heading="### Task Card {}: T (in progress)"), 0, 1),
    "完成": (headings("Task Card 1: 搜索（完成）", "Task Card 2: 搜索 — 已完成", "Task Card 3: 搜索"), 1, 3),
    # Statuses of cards.
    "Status: done": (cards("Status: done", "Status: pending"), 1, 2),
    "Status: Done in bold": (cards("**Status**: Done", "**Status:** Todo"), 1, 2),
    "- Status": (cards("- Status: complete", "- **Status**: `completed`", "* Status: WIP"), 2, 3),
    "> Status": (cards("> **Status**: Done", "> **Status**: Blocked"), 1, 2),
    "Status: ✅": (cards("Status: ✅", "Status: ✅ Done", "Status: ❌", "Status: 🚧 in progress"), 2, 4),
    "Status: [x]": (cards("Status: [x]", "Status: [ ]", "Status: [~]"), 1, 3),
    "State": (cards("State: finished", "state: open"), 1, 2),
    "Status with a reason": (cards("Status: Done (2026-11-30, abc123)", "Status: done, see log"), 2, 2),
    "Status: not done": (cards("Status: not done", "Status: partially done", "Status: incomplete"), 0, 3),
    "Status: done and open boxes": (cards(f"Status: done\n\n{BOX}"), 0, 1),
    "Status: blocked and ticked boxes": (cards(f"Status: blocked\n\n{DONE}"), 0, 1),
    "Status of nothing known": (cards("Status: purple"), 0, 1),
    "done, then open again": (cards("Status: done\n\nStatus: in progress"), 0, 1),
    "✅ Done as a line": (cards("✅ Done", "✅ **Completed** 2026-11-30", "✅ looks good"), 2, 3),
    "DONE as a line": (cards("**DONE**", "Done.", "Done when the tests pass"), 2, 3),
    "Result: done": (cards("Result: done", "Result: all green ✅"), 0, 2),
    "words alone": (cards("All finished and tested.", "This is done."), 0, 2),
    # Rows.
    **{
        f"the row {cell}": (table(cell, "[ ]"), 1, 2)
        for cell in DONE_CELLS
    },
    **{f"the row {cell}": (table(cell, "[x]"), 1, 2) for cell in OPEN_CELLS},
    "another head": ("| ID | Task | State |\n|---|---|---|\n| 1 | a | done |\n| 2 | b | open |\n", 1, 2),
    "Done for a head": ("| # | Task | Done |\n|---|---|---|\n| 1 | a | x |\n| 2 | b | |\n", 1, 2),
    "numbers with marks": (table("[x]", "[x]").replace("| 1 |", "| **1** |").replace("| 2 |", "| #2 |"), 2, 2),
    "rows of cards": ("| Card | Status |\n|---|---|\n| Card 1 | ✅ |\n| Card 2 | ⏳ |\n", 1, 2),
    "a struck row": (table("~~[ ]~~", "[ ]").replace("| 1 |", "| ~~1~~ |"), 1, 2),
    "rows and cards without boxes": (headings("Task Card 1", "Task Card 2") + table("done", "[ ]"), 1, 2),
    "a row for a card that is open": (cards(BOX) + table("[x]"), 0, 1),
    "a row that is open for a card that is ticked": (cards(DONE) + table("[ ]"), 1, 1),
    "a row in progress for a card that is ticked": (cards(DONE) + table("[~]"), 0, 1),
    "a table of something else": (cards(DONE) + "\n| When | Result |\n|---|---|\n| 1 | failed |\n", 1, 1),
    "rows without a head": ("|  1 |[X]| Rest | p |\n| 2 | [ ] | More | p |\n", 1, 2),
    # Lists alone.
    "a list": ("# Sprint\n\n- [x] a\n- [x] b\n- [ ] c\n", 2, 3),
    "a list with more below": ("- [x] a\n  - [ ] a1\n- [x] b\n  - [x] b1\n", 1, 2),
    "a list of cards": ("- [x] Task Card 1: a\n- [ ] **Task Card 2**: b\n", 1, 2),
    # What hides and what does not.
    "an example in a fence": (cards(DONE, "```md\n### Task Card 9: T\n- [ ] no\n```\n\n- [x] a"), 2, 2),
    "a longer fence": (cards("````\n```\n### Task Card 9\n```\n````\n\n- [x] a"), 1, 1),
    "a fence that is not closed": (cards("- [x] a\n\n```sh\nmake", BOX), 1, 2),
    "fences that are not closed": (cards(*repeat("- [x] a\n\n```sh\nmake", 6)), 6, 6),
    "a fence that is not closed before one that is": (cards("- [x] a\n\n```sh", "- [x] b\n\n```sh\nmake\n```"), 2, 2),
    "a fence that is not closed before bare ones": (cards("- [x] a\n\n```sh\nmake", "- [ ] b\n\n```\nmake\n```"), 1, 2),
    "a fence that its list item ends": (cards("- [x] a\n  ```\n  make", BOX), 1, 2),
    "a fence that its quote ends": (cards("- [x] a\n\n> ```\n> make", BOX), 1, 2),
    "a comment": (cards("<!-- - [ ] b -->\n- [x] a\n<!--\n### Task Card 8\n-->"), 1, 1),
    "a comment that is not closed": (cards("- [x] a\n\n<!-- todo", BOX), 1, 2),
    "a comment that its item ends": (cards("- <!-- a\n\n### Task Card 2\n\n- [x] a"), 1, 2),
    "a comment in a line": (cards("- [x] a <!-- b -->\n- `<!--`\n- [ ] c"), 0, 1),
    "a heading in indented code": (cards("- [x] a\n\ntext\n\n    ### Task Card 9\n"), 1, 1),
    "front matter": ("---\nkind: sprint\n---\n" + cards(DONE), 1, 1),
    # Sections around.
    "rules with boxes": ("## Execution Rule\n\n- [ ] not a card's\n\n" + cards(DONE), 1, 1),
    "sections in a card": (cards("#### Checks\n\n- [x] a\n\n#### Notes\n\n- [ ] b"), 0, 1),
    "the next section": (cards(DONE, end="\n## Follow-ups\n\n- [ ] later\n"), 1, 1),
}  # fmt: skip


@pytest.mark.parametrize(("text", "done", "total"), CORPUS.values(), ids=CORPUS)
def test_progress_is_read_as_it_is_meant(text: str, done: int, total: int) -> None:
    progress = read_progress(text)
    assert progress is not None
    assert progress[:2] == (done, total)
    assert progress.is_finished is False or done == total


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 160


@pytest.mark.parametrize(
    "text", ["", "# Sprint\n\nonly prose\n", "| a | b |\n|---|---|\n| 1 | [x] |\n", "### Card one\n"]
)
def test_text_without_a_check_is_not_invented(text: str) -> None:
    assert read_progress(text) is None


@pytest.mark.parametrize(
    ("text", "is_finished"),
    [
        (tick(OURS, 3), False),
        (tick(OURS, 5), False),
        (tick(OURS, 6), True),
        (cards(DONE), True),
        (cards(DONE, BOX), False),
        (cards(DONE, end="\n## Final Acceptance\n\n- [x] a\n"), True),
        (cards(DONE, end="\n## Final Acceptance\n\n- [~] a\n"), False),
        (cards(DONE, end="\n## Acceptance\n\n### More\n\n- [ ] a\n"), False),
        (cards(DONE, end="\n## Definition of Done\n\n- [ ] a\n"), False),
        (cards(DONE, end="\n## Follow-ups\n\n- [ ] later\n"), True),
        (cards(DONE) + table("[x]", "[ ]"), False),
        (table("[x]", "done"), True),
        ("- [x] a\n- [x] b\n", True),
        ("- [x] a\n\n## Final Acceptance\n\n- [ ] b\n", False),
    ],
)
def test_a_sprint_with_anything_open_is_not_finished(text: str, is_finished: bool) -> None:
    progress = read_progress(text)
    assert progress is not None
    assert progress.is_finished is is_finished


def test_marks_are_not_found_twice() -> None:
    assert read_progress(cards(*repeat(DONE, 300))) == Progress(300, 300, is_finished=True)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "```\n", "```a\n", "> ```\n", "<!--\n", "- <!--\n", "### Card 1\n", "### Card 1 (", "### ~~", "[x] ", "✅",
        "| 1 | [x] |\n", "|", "- [ ] a\n", "Status: ", "**", "### [x] ✅ ", "done ", "- done: 1\n", "*",
        "> - ", "```a\n### Card 2\n",
    ],
)  # fmt: skip
def test_no_sprint_takes_more_than_linear_time(piece: str) -> None:
    size = 1 << 18
    for text in (piece * (size // len(piece)), f"### Task Card 1\n- {piece * (size // len(piece))}"):
        read_progress(text)


@given(
    st.lists(st.sampled_from(list(chain.from_iterable(text.splitlines(keepends=True) for text, *_ in CORPUS.values()))))
)
def test_there_are_never_more_done_than_there_are(lines: list[str]) -> None:
    progress = read_progress("".join(lines))
    assert progress is None or 0 <= progress.done <= progress.total
