"""How far a sprint is: its task cards, and which of them are done.

Read as people and agents write it. What a task is, GFM decides: a list item that begins with a box. A box with any mark
but x is open work. Cards are found in whatever form their headings have; where there are none, the rows of the backlog
are counted, and where there are none either, the boxes of the lists. A card with an open box is open, whatever else is
said of it; a card without boxes is done if its heading, its status or its row says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rhd.workflow.blocks import Blocks
from rhd.workflow.progress_marks import Mark, read_box, read_heading, read_row_number, read_state, read_status_line

MAX_CARDS = 0xFFFF
_MAX_ATTEMPTS = 6
# What a sprint calls its cards; the first name that any heading bears is what counts.
_NAMES = (
    r"(?:Task[ \t]+)?Card",
    r"(?:Task|Ticket|Story|Issue|Work[ \t]+Package|Slice)",
    r"(?:Step|Phase|Milestone|Part|Stage)",
    r"",
)
_NUMBER = r"[ \t]*(?:No\.?[ \t]*)?#?[ \t]*([0-9]{1,9}(?:\.[0-9]{1,9}){0,3}[a-z]?)(?![0-9A-Za-z])"
_CARDS = tuple(re.compile(rf"{name}{_NUMBER}[ \t]*(.*)", re.IGNORECASE) for name in _NAMES)
_BARE = len(_CARDS) - 1
_LIST_OF_CARDS = re.compile(r"(?:checklist|tasks?|task cards|cards|backlog|plan|todos?|work)\b", re.IGNORECASE)
_ACCEPTANCE = re.compile(r"(?:final |sprint )?acceptance\b|definition of done\b|done when\b", re.IGNORECASE)
_BOLD_LINE = re.compile(r"(?:\*\*|__)(?=\S).*(?:\*\*|__):?\Z")
_INFO = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*\w")
_CARD_IN_CODE = re.compile(r" {0,3}#{1,6}[ \t].*\bCard\b")
_STATUS_HEADS = ("status", "state", "done")
_BOX_CELL = re.compile(r"\[.\]")
_CELLS = re.compile(r"(?<!\\)\|")
_DIGIT = re.compile("[0-9]")
_MAX_COLUMNS = 64


class Progress(NamedTuple):
    """What was counted.

    Attributes:
        done: cards with nothing open.
        total: all cards.
        is_finished: all cards are done, and nothing under Final Acceptance is open.
    """

    done: int
    total: int
    is_finished: bool


def read_progress(text: str) -> Progress | None:
    """Return how far a sprint is; None if it has neither cards nor rows nor boxes.

    A fence or comment that does not end is read as text, so that no card vanishes in it.
    """
    lines = text.splitlines()
    shown: set[int] = set()
    for attempt in range(_MAX_ATTEMPTS):
        reader = _Reader(lines, shown, is_last_attempt=attempt == _MAX_ATTEMPTS - 1)
        if (unclosed := reader.read()) is None:
            break
        shown.add(unclosed)
    return reader.result()


class _CardProgress:
    """What was seen of one card so far."""

    __slots__ = ("level", "mark", "open", "ticked", "title")

    def __init__(self, level: int, title: str) -> None:
        self.level = level
        self.title = title
        self.open = self.ticked = 0
        self.mark: Mark | None = None

    def note(self, mark: Mark | None) -> None:
        if mark is not None and self.mark is not Mark.OPEN:
            self.mark = mark

    def is_done(self, row: Mark | None) -> bool:
        if self.open or Mark.OPEN in (self.mark, row):
            return False
        return self.ticked > 0 or Mark.DONE in (self.mark, row)


class _Tracker:
    """The cards that one name finds."""

    def __init__(self) -> None:
        self.cards: dict[str, _CardProgress] = {}
        self.current: _CardProgress | None = None

    def begin(self, number: str, title: str, level: int, mark: Mark | None) -> None:
        key = number if (card := self.cards.get(number)) is None or _is_same(card.title, title) else f"{number} {title}"
        self.current = self.cards.setdefault(key, _CardProgress(level, title))
        self.current.level = level
        self.current.note(mark)

    def end(self, level: int) -> None:
        if self.current is not None and level <= self.current.level:
            self.current = None


class _Reader:
    """One reading of a sprint's lines."""

    def __init__(self, lines: list[str], shown: set[int], *, is_last_attempt: bool) -> None:
        self._lines = lines
        self._shown = shown
        self._shows_all_from = min(shown, default=len(lines)) if is_last_attempt else len(lines)
        self._blocks = Blocks()
        self._trackers = [_Tracker() for _ in _CARDS]
        self._current: list[_CardProgress] = []
        self._rows: dict[str, Mark | None] = {}
        self._status_column: int | None = None
        self._is_acceptance = self._is_list_of_cards = False
        self._acceptance_level = 0
        self._is_accepted = True
        self._boxes: list[list[bool]] = []  # of each box at a list's top, whether it and those below it are ticked
        self._before = ""

    def read(self) -> int | None:
        """Read all lines; return the number of one that begins a fence or comment which hides what it should not."""
        blocks, begun, suspect, has_card = self._blocks, 0, None, False
        for number, line in enumerate(self._lines):
            blocks.read(line, may_hide=number not in self._shown and number < self._shows_all_from)
            if blocks.leaf in ("fence", "comment"):
                if blocks.is_first:
                    begun, has_card = number, False
                elif blocks.leaf == "fence":
                    has_card = has_card or bool(_CARD_IN_CODE.match(line))
                    if has_card and suspect is None and (blocks.is_last or _INFO.match(line)):
                        suspect = begun
                        if not blocks.is_last:
                            return begun
            elif blocks.text and blocks.leaf != "code":
                self._take()
        if blocks.leaf in ("fence", "comment") and not blocks.is_last:
            return begun if suspect is None else suspect
        return None

    def _take(self) -> None:
        blocks, text = self._blocks, self._blocks.text
        if blocks.kind == "heading":
            marks = len(text) - len(text.lstrip("#"))
            self._heading(marks, text[marks:])
        elif blocks.kind == "underline":
            self._heading(1 if text.startswith("=") else 2, self._before)
        elif blocks.leaf == "table" or "|" in text:
            self._row(text)
        elif blocks.leaf == "paragraph":
            self._text(text.strip())
        self._before = text if blocks.leaf == "paragraph" else ""

    def _heading(self, level: int, text: str) -> None:
        heading = read_heading(text)
        has_number = _DIGIT.search(heading.words) is not None
        for tracker, pattern in zip(self._trackers, _CARDS, strict=True):
            tracker.end(level)
            if not has_number:
                continue
            if (found := pattern.match(heading.words)) and (pattern is not _CARDS[_BARE] or self._is_list_of_cards):
                tracker.begin(_number(found[1]), found[2], level, heading.mark)
        if _ACCEPTANCE.match(heading.words):
            self._is_acceptance, self._acceptance_level = True, level
        elif level <= self._acceptance_level:
            self._is_acceptance = False
        if level <= 2:
            self._is_list_of_cards = bool(_LIST_OF_CARDS.match(heading.words))
        self._update_current()

    def _text(self, text: str) -> None:
        blocks = self._blocks
        is_item = blocks.opened > 0 and blocks.stack[-1].width > 0
        first = text[:1]
        if is_item and (first == "[" or not first.isascii()) and (box := read_box(text)) is not None:
            self._box(box is Mark.DONE)
        elif first in ("*", "_") and blocks.is_first and _BOLD_LINE.match(text) and _DIGIT.search(text):
            heading = read_heading(text)
            for tracker, pattern in zip(self._trackers[:_BARE], _CARDS, strict=False):
                if found := pattern.match(heading.words):
                    tracker.end(7)
                    tracker.begin(_number(found[1]), found[2], 7, heading.mark)
            self._update_current()
        if self._current and (status := read_status_line(text)) is not None:
            for card in self._current:
                card.note(status)

    def _box(self, is_ticked: bool) -> None:
        for card in self._current:
            card.ticked += is_ticked
            card.open += not is_ticked
        if self._is_acceptance:
            self._is_accepted = self._is_accepted and is_ticked
        elif sum(container.width > 0 for container in self._blocks.stack) == 1 or not self._boxes:
            self._boxes.append([is_ticked])
        else:
            self._boxes[-1].append(is_ticked)

    def _row(self, text: str) -> None:
        row = text.strip()
        cells = [cell.strip() for cell in _CELLS.split(row.removeprefix("|").removesuffix("|"), _MAX_COLUMNS)]
        number = read_row_number(cells[0])
        if number is None:
            heads = (cell.strip("*_ ").lower() for cell in cells)
            columns = [column for column, head in enumerate(heads) if head in _STATUS_HEADS]
            self._status_column = columns[0] if columns else self._status_column
            return
        column = self._status_column
        if self._blocks.leaf != "table":  # rows that no head stands over
            column = 1 if len(cells) > 2 and _BOX_CELL.fullmatch(cells[1]) else None
        if column is not None and column < len(cells):
            self._rows[_number(number)] = read_state(cells[column])

    def _update_current(self) -> None:
        self._current = [tracker.current for tracker in self._trackers if tracker.current is not None]

    def result(self) -> Progress | None:
        """Return what was counted."""
        cards = next((tracker.cards for tracker in self._trackers if tracker.cards), None)
        rows = self._rows
        if cards is not None:
            done = [card.is_done(rows.get(number)) for number, card in cards.items()]
            is_finished = all(done) and all(mark is Mark.DONE for number, mark in rows.items() if number not in cards)
        elif rows:
            done = [mark is Mark.DONE for mark in rows.values()]
            is_finished = all(done)
        elif self._boxes:
            done = [all(boxes) for boxes in self._boxes]
            is_finished = all(done)
        else:
            return None
        return Progress(min(sum(done), MAX_CARDS), min(len(done), MAX_CARDS), is_finished and self._is_accepted)


def _number(text: str) -> str:
    """Return one spelling of a number: `01` is `1`, `1.02` is `1.2`."""
    if text.isdecimal() and text[0] != "0":
        return text
    return ".".join(part.lstrip("0") or "0" for part in text.lower().split("."))


def _is_same(one: str, other: str) -> bool:
    one, other = (re.sub(r"[\W_]+", " ", title).strip().lower() for title in (one, other))
    return not one or not other or one == other
