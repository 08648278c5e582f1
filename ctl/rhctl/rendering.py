"""What people read on a terminal: tables by hand, ages, escaped names."""

from __future__ import annotations

import json
import sys
import time

from rhwire.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


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


def say_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need; what was named elsewhere is escaped."""
    cells = [list(titles), *([escape(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def count(number: int, noun: str) -> str:
    """Return `1 client`, `2 clients`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def age(at: str) -> str:
    """Return how long ago a time of ours was, in the largest unit that says something."""
    from datetime import datetime  # half the import of what time.strptime needs

    return duration(max(0, time.time() - datetime.fromisoformat(at).timestamp())) + " ago"


def duration(seconds: float) -> str:
    """Return a duration in its largest unit that says something."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
