"""What commands print for people: lines, tables that fit the terminal, a closing line; names are escaped."""

from __future__ import annotations

import json
import sys

from rhctl.home_in_commands import name_home, name_homes
from rhctl.terminal import QUIET, STRONG, clock, columns, paint, width, wrap
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
    sys.stdout.write(json.dumps(name_homes(value), ensure_ascii=not is_utf8, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say_hint(text: str, indent: int = 2) -> None:
    """Print what to do next, as one line, so that a command in it can be copied."""
    say(" " * indent + escape(name_home(text)))


def say_problem(problem: dict[str, Any] | None) -> None:
    """Print what is wrong with a repository that something was just done for, and what to do."""
    if problem is not None:
        say(f"  problem: {escape(problem['message'])} [{problem['code']}]")
        say_hint(problem["next_step"], 4)


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
        say_hint(f"rhctl grant {grant['id']} {done['slug']} --profile orchestrator", 4)


def runs_line(runs: dict[str, Any]) -> str:
    """Return `agent runs enabled (codex), since TIME`."""
    until = ", until the command that enabled them ends" if runs["leased"] else ""
    return f"agent runs enabled ({', '.join(runs['agents'])}), since {clock(runs['since'])}{until}"


def say_grants(grants: Sequence[dict[str, Any]]) -> None:
    """List the grants that a name stood for, if there are several."""
    if len(grants) > 1:
        say(f"  That name stands for {len(grants)} logins:")
        for grant in grants:
            say(f"    {grant['id']}  {escape(grant['client'])}  since {grant['since'][:10]}")


class Table:
    """A table that is printed as its rows come, in columns as wide as they need; in a terminal so that they fit.

    Where the columns do not fit, a row is several lines: one for each column that says something, or, in a log, as
    few as its texts need.
    """

    def __init__(self, titles: Sequence[str], cut: Mapping[str, int] | None = None, *, is_log: bool = False) -> None:
        """Print nothing yet.

        Args:
            titles: one a column; they are printed with the first rows.
            cut: columns that may be cut, by title, each with the least width that still says something.
            is_log: the texts are understood without their titles.
        """
        self._titles = titles
        self._is_log = is_log
        self._cut = cut or {}
        self._widths = [columns(title) for title in titles]
        self._is_begun = False

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Print rows, in columns at least as wide as those before.

        Args:
            rows: texts, which are escaped here; a pair is a text and its meaning, such as `terminal.BAD`.
        """
        table = [[_cell(cell) for cell in row] for row in rows]
        for row in table:
            self._widths = [max(wide, columns(text)) for wide, (text, _) in zip(self._widths, row, strict=True)]
        widths, room = list(self._widths), width()
        if room is not None:
            _narrow(widths, [self._least(i) for i in range(len(widths))], room)
            if sum(widths) + 2 * (len(widths) - 1) > room:
                for row in table:
                    _say_flowing(row, room) if self._is_log else _say_record(self._titles, row, room)
                return
        if not self._is_begun:
            say(_line([(title, STRONG) for title in self._titles], widths))
        self._is_begun = True
        for row in table:
            say(_line(row, widths))

    def _least(self, column: int) -> int:
        title = self._titles[column]
        return max(min(self._cut.get(title, self._widths[column]), self._widths[column]), columns(title))


def say_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], cut: Mapping[str, int] | None = None) -> None:
    """Print all rows of a table, as `Table` does."""
    Table(titles, cut).add(rows)


def say_facts(facts: Sequence[tuple[str, Cell]], indent: int = 0) -> None:
    """Print names and what there is to say of each, side by side; in a terminal broken between words to fit."""
    aside = max(columns(name) for name, _ in facts) + indent + 2
    for name, cell in facts:
        text, meaning = (cell, None) if isinstance(cell, str) else cell
        lines = wrap(text, aside).split("\n")
        before = " " * indent + paint(name, QUIET) + " " * (aside - indent - columns(name))
        for line in lines:
            say(before + paint(line[aside:], meaning))
            before = " " * aside


def say_summary(*parts: str) -> None:
    """Print what sums up what was shown, in a terminal: on one line, if the parts fit; they are escaped already."""
    room = width()
    if room is None:
        return
    lines = [name_home(parts[0])]
    for part in map(name_home, parts[1:]):
        longer = f"{lines[-1]} · {part}"
        lines[len(lines) - (columns(longer) <= room) :] = [longer if columns(longer) <= room else part]
    say()
    for line in lines:
        say(paint(line, QUIET))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 client`, `2 clients`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


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


def _say_record(titles: Sequence[str], row: Sequence[tuple[str, str | None]], room: int) -> None:
    """Print a row as lines: its first column, then the others that say something, each with its title before it."""
    aside = max(columns(title) for title in titles[1:])
    if row[0][0]:  # else it goes on with the row before
        say(paint(shorten(row[0][0], room), row[0][1] or STRONG))
    for title, (text, meaning) in zip(titles[1:], row[1:], strict=True):
        if text not in ("", "-"):
            say(f"  {paint(title.ljust(aside), QUIET)}  {paint(shorten(text, room - aside - 4), meaning)}")


def _say_flowing(row: Sequence[tuple[str, str | None]], room: int) -> None:
    """Print a row's texts one after the other, going on in an indented line where the next does not fit."""
    line, at = "", 0
    for text, meaning in row:
        text = shorten(text, room - 2)
        if at and at + 2 + columns(text) > room:
            say(line)
            line, at = "  ", 2
        elif at:
            line, at = f"{line}  ", at + 2
        line, at = line + paint(text, meaning), at + columns(text)
    say(line)
