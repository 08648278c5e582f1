"""What commands print for people: lines, tables that fit the terminal, a closing line; names are escaped."""

from __future__ import annotations

import json
import sys

from rhctl.terminal import QUIET, STRONG, columns, is_terminal, paint, width
from rhctl.terminal import cut as shorten
from rhwire.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Cell = str | tuple[str, str | None]


def say(text: str = "") -> None:
    """Print one line for a person; names in it must be escaped already."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """Print one JSON object on a line of its own, at once, in UTF-8 whatever the terminal speaks."""
    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(value, ensure_ascii=not is_utf8, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say_problem(problem: dict[str, Any] | None) -> None:
    """Print what is wrong with a repository that something was just done for, and what to do."""
    if problem is not None:
        say(f"  problem: {escape(problem['message'])} [{problem['code']}]")
        say(f"    {escape(problem['next_step'])}")


def say_runs(runs: dict[str, Any] | None) -> None:
    """Print which agents may be run in a repository, if any may."""
    if runs is not None:
        say(f"  {runs_line(runs)}")
        for agent, permissions in runs["permissions"].items():
            say(f"    {agent} {permissions}")
        for rule in runs["allow"]:
            say(f"    Claude Code may run: {escape(rule)}")


def say_dormant(done: dict[str, Any]) -> None:
    """Print which clients were allowed to start agents before, and how each is allowed to again."""
    for grant in done["dormant"]:
        say(f"  {escape(grant['client'])} ({grant['id']}) was allowed to start agents before; allow it again with:")
        say(f"    rhctl grant {grant['id']} {done['slug']} --profile orchestrator")


def runs_line(runs: dict[str, Any]) -> str:
    """Return `agent runs enabled (codex), since TIME`."""
    until = ", until the command that enabled them ends" if runs["leased"] else ""
    return f"agent runs enabled ({', '.join(runs['agents'])}), since {runs['since'][:19]}Z{until}"


def say_grants(grants: Sequence[dict[str, Any]]) -> None:
    """List the grants that a name stood for, if there are several."""
    if len(grants) > 1:
        say(f"  That name stands for {len(grants)} logins:")
        for grant in grants:
            say(f"    {grant['id']}  {escape(grant['client'])}  since {grant['since'][:10]}")


def say_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], cut: Mapping[str, int] | None = None) -> None:
    """Print rows in columns as wide as they need, and in a terminal so that they fit.

    A row whose columns do not fit is printed as lines of its own, one a column.

    Args:
        titles: one a column.
        rows: texts, which are escaped here; a pair is a text and its meaning, such as `terminal.BAD`.
        cut: columns that may be cut, by title, each with the least width that still says something.
    """
    table = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(columns(title), *(columns(row[i][0]) for row in table), 0) for i, title in enumerate(titles)]
    room, least = width(), cut or {}
    if room is not None:
        _narrow(widths, [max(least.get(t, w), columns(t)) for t, w in zip(titles, widths, strict=True)], room)
        if sum(widths) + 2 * (len(widths) - 1) > room:
            _say_records(titles, table, room)
            return
    say(_line([(title, STRONG) for title in titles], widths))
    for row in table:
        say(_line(row, widths))


def say_summary(text: str) -> None:
    """Print the closing line that sums up what was shown, in a terminal; the text is escaped already."""
    if is_terminal():
        say()
        say(paint(text, QUIET))


def count(number: int, noun: str) -> str:
    """Return `1 client`, `2 clients`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(cell: Cell) -> tuple[str, str | None]:
    text, meaning = (cell, None) if isinstance(cell, str) else cell
    return escape(text), meaning


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Take from the widest column that may be cut, until the columns fit or none may be cut further."""
    while (over := sum(widths) + 2 * (len(widths) - 1) - room) > 0:
        spare = [wide - low for wide, low in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            return
        widest = max((i for i in range(len(widths)) if spare[i] > 0), key=lambda i: widths[i])
        others = [widths[i] for i in range(len(widths)) if spare[i] > 0 and i != widest]
        widths[widest] -= max(1, min(over, spare[widest], widths[widest] - max(others, default=0)))


def _line(row: Sequence[tuple[str, str | None]], widths: Sequence[int]) -> str:
    line, behind = "", 0
    for (text, meaning), room in zip(row, widths, strict=True):
        text = shorten(text, room)
        line += " " * behind + paint(text, meaning)
        behind = room - columns(text) + 2
    return line


def _say_records(titles: Sequence[str], table: Sequence[Sequence[tuple[str, str | None]]], room: int) -> None:
    """Print each row as lines: its first column, then the others, each with its title before it."""
    aside = max(columns(title) for title in titles[1:])
    for row in table:
        say(paint(shorten(row[0][0], room), row[0][1] or STRONG))
        for title, (text, meaning) in zip(titles[1:], row[1:], strict=True):
            say(f"  {paint(title.ljust(aside), QUIET)}  {paint(shorten(text, room - aside - 4), meaning)}")
