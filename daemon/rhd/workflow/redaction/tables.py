"""Secrets in columns of Markdown tables: the name stands in the header, the values in the rows below."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rhd.workflow.redaction.heuristics import Secret, is_placeholder, looks_chosen, looks_random
from rhd.workflow.text_steps import Window, in_turns, windows

_MAX_LINE = 2048
_DELIMITER = re.compile(r"\n[ \t>]{0,16}+\|?+[ \t]{0,8}+:?+-++[ \t:|-]*+\r?+\n")
_SECRET_NAME = re.compile(
    r"(?:[\w-]{1,24}[ _-]){0,3}(?:(?P<password>passw(?:or)?d|passphrase|pwd)|token|secret|credentials?"
    r"|(?:api|access|secret|private|auth)[ _-]?key)",
    re.IGNORECASE,
)
_CELL = re.compile(r"[^|\r\n]*+")
_BLANK = " \t`*\"'"
_MIN_VALUE = 6


def find_table_cells(text: str) -> Iterator[Secret]:
    """Yield the cells that hold a secret in a column whose header names one."""
    if "|" not in text or "-" not in text:
        return
    at = 0
    for below, rows in (delimiter for found in in_turns(text, _delimiters, windows(text)) for delimiter in found):
        if below >= at and (columns := _columns(text, below)):
            at = rows
            for secrets, end in in_turns(
                text, lambda row: (_secrets_of_row(text, *row, columns), row[1]), _rows(text, rows)
            ):
                yield from secrets
                at = end


def _delimiters(window: Window) -> list[tuple[int, int]]:
    """Return where the rows of dashes begin and end that stand below the headers of tables."""
    return [
        (window.start + row.start(), window.start + row.end())
        for row in _DELIMITER.finditer(window.text)
        if window.begin <= row.start() < window.end and "|" in row[0]
    ]


def _columns(text: str, end: int) -> dict[int, bool]:
    """Return which columns of the header that ends at `end` name a secret, and whether it is a password."""
    start = text.rfind("\n", max(0, end - _MAX_LINE), end) + 1
    cells = text[max(start, end - _MAX_LINE) : end].lstrip(" \t>").removeprefix("|").split("|")
    names = {number: _SECRET_NAME.fullmatch(cell.strip(_BLANK)) for number, cell in enumerate(cells)}
    return {number: bool(name["password"]) for number, name in names.items() if name is not None}


def _rows(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where the rows from `at` on begin and end."""
    while True:
        end = text.find("\n", at, at + _MAX_LINE)
        end = min(len(text), at + _MAX_LINE) if end < 0 else end
        if text.find("|", at, end) < 0:
            return
        yield at, end
        at = end + 1


def _secrets_of_row(text: str, start: int, end: int, columns: dict[int, bool]) -> list[Secret]:
    found, at = [], start
    while at < end and text[at] in " \t>":
        at += 1
    at += text.startswith("|", at)
    for number in range(max(columns) + 1):
        cell = _CELL.match(text, at, end)
        if cell is None or at > end:
            break
        if number in columns:
            value = cell[0].strip(_BLANK)
            if _is_secret(value, is_password=columns[number]):
                begin = at + cell[0].index(value)
                found.append(Secret(begin, begin + len(value), "password" if columns[number] else "secret"))
        at = cell.end() + 1
    return found


def _is_secret(value: str, *, is_password: bool) -> bool:
    if len(value) < _MIN_VALUE or is_placeholder(value):
        return False
    return looks_random(value) or (is_password and looks_chosen(value, is_quoted=True))
