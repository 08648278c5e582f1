"""The acceptance scenarios of a PRD: written with numbers (A1, A2, …), and read again for the sprint and the goal."""

from __future__ import annotations

import re
from typing import NamedTuple

from rhd.workflow.blocks import Blocks
from rhd.workflow.documents.markdown import plain_line

MOST = 50
_SECTION = re.compile(r"##[ \t]+(?:Acceptance (?:Scenarios|Criteria)|Success Criteria)[ \t]*#*[ \t]*\Z", re.IGNORECASE)
_BOX = re.compile(r"\[[^\]]?\][ \t]+")
_NUMBER = re.compile(r"(?:\*\*)?(A\d{1,4})(?:\*\*)?[:.]?(?:\*\*)?(?:[ \t]+|\Z)")


class Scenario(NamedTuple):
    """One scenario: its number and its first line."""

    number: str
    text: str


def read_scenarios(text: str) -> list[Scenario]:
    """Return the scenarios of a PRD; those that bear no number are numbered in their order."""
    blocks, found, is_inside = Blocks(), list[Scenario](), False
    for raw in text.splitlines():
        blocks.read(raw)
        if blocks.kind == "heading" and not blocks.stack:
            level = len(blocks.text) - len(blocks.text.lstrip("#"))
            is_inside = bool(_SECTION.match(blocks.text)) or (is_inside and level > 2)
        elif is_inside and blocks.leaf == "paragraph" and blocks.is_first and len(blocks.stack) == 1 and blocks.opened:
            line = _BOX.sub("", blocks.text.strip(), count=1)
            number = _NUMBER.match(line)
            line = plain_line(line[number.end() :] if number else line)
            if (line or number) and len(found) < MOST:
                name = number[1] if number else f"A{len(found) + 1}"
                found.append(Scenario(name, line or "holds as the PRD shows it"))
    return found


def range_of(count: int) -> str:
    """Return how the scenarios 1 to `count` are named in a sentence."""
    return "A1" if count == 1 else f"A1 to A{count}"


def names_of(scenarios: list[Scenario]) -> str:
    """Return how these scenarios are named in a sentence: `A1`, `A1 to A3`, or one by one."""
    numbers = [scenario.number for scenario in scenarios]
    if len(numbers) < 2:
        return "".join(numbers)
    if numbers == [f"A{number}" for number in range(1, len(numbers) + 1)]:
        return range_of(len(numbers))
    return ", ".join(numbers[:-1]) + f" and {numbers[-1]}"
