"""The marks and words by which people and agents say that something is done, or is not."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple


class Mark(enum.Enum):
    """What a mark says."""

    DONE = "done"
    OPEN = "open"


_VARIATION = "\ufe0f"
_DONE_SIGNS = "✅☑✓✔🗹"
_OPEN_SIGNS = "☐⬜🔲🔳🚧⏳⌛🔄🟡🟠🔴❌✗✘✖⛔🚫❎⬛▢□◻"
_DONE_WORDS = (
    r"(?:all[ \t]+)?(?:done|completed?|finished|fulfilled|implemented|shipped|merged|closed|resolved|passed|pass"
    r"|verified|accepted|erledigt|fertig|hecho|terminado|fait|terminé|完成|已完成|完了|готово)"
)
_OPEN_WORDS = (
    r"(?:not[ \t]+(?:started|done|completed?)|in[ \t-]?progress|in[ \t-]?flight|wip|todo|to[ \t]do|pending|blocked"
    r"|partial(?:ly)?(?:[ \t]+done)?|incomplete|deferred|on[ \t]hold|offen|进行中|未完成|待办|進行中)"
)
# What only a status says: a heading may end so without meaning it.
_STATUS_WORDS = (
    r"(?:open|doing|started|ongoing|fail|failed|failing|waiting|executing|active|(?:in[ \t]+)?review|draft|queued"
    r"|next|no)"
)
_BOX = re.compile(r"\[(?P<mark>[^\]\n]{1,2})\](?=[ \t]|\Z)")
_BOX_AT_END = re.compile(r"[ \t]\[([ xX])\]\Z")
_SIGN = re.compile(rf"([{_DONE_SIGNS}])|([{_OPEN_SIGNS}])")
_DONE = re.compile(rf"{_DONE_WORDS}\b", re.IGNORECASE)
_OPEN = re.compile(rf"(?:{_OPEN_WORDS}|{_STATUS_WORDS})\b", re.IGNORECASE)
_FRAME = "*_~` \t"
_EMPHASIS = re.compile(r"[*_`]")
# What a line of a status begins with, whatever frames it; nearly all lines begin with something else.
_MAY_SAY = re.compile(
    rf"[*_~` \t{_VARIATION}]*+"
    rf"(?:[{_DONE_SIGNS}]|(?:status|state|progress)[*_` \t{_VARIATION}]*+[:：]|all\b|{_DONE_WORDS})",
    re.IGNORECASE,
)
_STATUS_LINE = re.compile(r"(?:status|state|progress)[*_` \t]*[:：][*_` \t]*(?P<said>.+)", re.IGNORECASE)
_ALONE = re.compile(rf"(?:{_DONE_WORDS})(?:[ \t]*[-–—:,(]?[ \t]*(?:on[ \t]+)?\d[\d\-/.: TZ]*\)?)?[.!]?", re.IGNORECASE)
_END = re.compile(
    rf"[ \t]*(?:[-–—|:·→]+[ \t]*|[(\[{{][ \t]*)(?:[{_DONE_SIGNS}{_OPEN_SIGNS}][ \t]*)?"
    rf"(?:(?P<done>{_DONE_WORDS})|(?P<open>{_OPEN_WORDS}))(?:[ \t,:]*\d[\d\-/.: TZ]*)?[ \t]*[)\]}}]?[.!]?\Z",
    re.IGNORECASE,
)
_ROW_NUMBER = re.compile(
    r"(?:(?:Task[ \t]+)?Card[ \t]*|Task[ \t]*|No\.?[ \t]*|#[ \t]*)?"
    r"([0-9]{1,9}(?:\.[0-9]{1,9}){0,3}[a-z]?)[.)]?",
    re.IGNORECASE,
)
_MAX_CHARS, _MAX_STATUS_CHARS = 400, 200


class Heading(NamedTuple):
    """The words of a heading without what only says how far it is, and what that says."""

    words: str
    mark: Mark | None


def read_box(text: str) -> Mark | None:
    """Return what the box or sign that a list item begins with says; None if it begins with neither."""
    text = text.replace(_VARIATION, "")
    if (box := _BOX.match(text)) is not None:
        mark = box["mark"]
        if mark.isdigit():
            return None
        return Mark.DONE if mark in ("x", "X") or mark.strip() in tuple(_DONE_SIGNS) else Mark.OPEN
    sign = _SIGN.match(text)
    return None if sign is None else Mark.DONE if sign[1] else Mark.OPEN


def read_heading(text: str) -> Heading:
    """Return a heading's words and mark, as in `[x] Card 1`, `✅ Card 1`, `~~Card 1~~` and `Card 1 (done)`."""
    text = text[:_MAX_CHARS].replace(_VARIATION, "").strip().rstrip("#").strip()
    mark: Mark | None = None
    if text.startswith("~~") and text.count("~~") >= 2:
        mark = Mark.DONE
    while True:
        text = text.strip(_FRAME)
        if (box := _BOX.match(text)) is not None and not box["mark"].isdigit():
            mark, text = read_box(text), text[box.end() :]
        elif (sign := _SIGN.match(text)) is not None:
            mark, text = Mark.DONE if sign[1] else Mark.OPEN, text[sign.end() :]
        elif text[-1:] and (sign := _SIGN.match(text[-1])) is not None:
            mark, text = mark or (Mark.DONE if sign[1] else Mark.OPEN), text[:-1]
        elif text.endswith("]") and (box := _BOX_AT_END.search(text)) is not None:
            mark, text = Mark.OPEN if box[1] == " " else Mark.DONE, text[: box.start()]
        elif (end := _END.search(text)) is not None:
            mark, text = Mark.DONE if end["done"] else Mark.OPEN, text[: end.start()]
        else:
            return Heading(text, mark)


def read_state(cell: str) -> Mark | None:
    """Return what a cell of a status column says; None if it is empty or says neither."""
    cell = cell[:_MAX_CHARS].replace(_VARIATION, "").strip()
    if cell.startswith("~~"):
        return Mark.DONE
    cell = cell.strip(_FRAME)
    if (box := _BOX.match(cell)) is not None:
        mark = box["mark"]
        return read_box(cell) if mark.strip() else None
    if cell.lower() in ("x", "yes", "y", "true", "100%", "ok"):
        return Mark.DONE
    return _said(cell)


def read_status_line(text: str) -> Mark | None:
    """Return what a line of a card says of its status: `Status: done`, `✅ Done`; None if it says nothing of it."""
    if len(text) > _MAX_STATUS_CHARS or not _MAY_SAY.match(text):
        return None
    text = text.replace(_VARIATION, "").strip(_FRAME)
    if (found := _STATUS_LINE.match(text)) is not None:
        said = found["said"].strip(_FRAME)
        return read_box(said) if _BOX.match(said) else _said(said)
    sign = _SIGN.match(text)
    rest = text[sign.end() :].strip(_FRAME) if sign and sign[1] else text
    return Mark.DONE if _ALONE.fullmatch(_EMPHASIS.sub("", rest)) else None


def read_row_number(cell: str) -> str | None:
    """Return the number of a row's card: `1`, `~~1~~`, `#1`, `Card 1`, `1.`."""
    found = _ROW_NUMBER.fullmatch(cell.strip(_FRAME))
    return found[1] if found else None


def _said(text: str) -> Mark | None:
    """Return what a sign or word at the beginning of a text says."""
    sign = _SIGN.match(text)
    rest = text[sign.end() :].strip(_FRAME) if sign else text
    if _OPEN.match(rest):
        return Mark.OPEN
    if _DONE.match(rest):
        return Mark.DONE
    return None if sign is None else Mark.DONE if sign[1] else Mark.OPEN
