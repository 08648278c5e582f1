"""A checklist sprint: task cards in order, and the backlog table that the workflow's scripts drive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rhd.workflow.documents.markdown import (
    begins_with_prose,
    cell,
    code,
    front_matter,
    heading,
    inline,
    item,
    plain_block,
)
from rhd.workflow.documents.scenarios import Scenario, names_of

FOLDER = "plans/sprints"
ENDING = ".sprint.md"

_RULES = """\
1. Take the cards in order; do what a card says and nothing else.
2. A card is done when each of its boxes was checked by running it. Tick the boxes, set its Backlog row to [x], and \
write after `Result:` what you ran and what came out.
3. If a card is wrong or blocked, leave it unticked, write why after `Result:`, and stop.
4. Once every card is done, check each box under Final Acceptance and tick it here. Leave the PRD as it is."""
_IN_LIST = re.compile(r"\s|[-*+>]|\d+[.)]")  # what the boxes would go on, as one list with it
_NO_CHECK = "[NEEDS CLARIFICATION: which command or observation shows that this card is done?]"


@dataclass(frozen=True, slots=True)
class Card:
    """One task; every text is a model's and is placed as text.

    Attributes:
        checks: commands of one line each that exit 0 when all is well.
        observations: what else shows that the card is done, in words.
    """

    title: str
    objective: str
    files: Sequence[str] = ()
    checks: Sequence[str] = ()
    observations: Sequence[str] = ()
    stage_gate: str | None = None


@dataclass(frozen=True, slots=True)
class Sprint:
    """What a sprint is made from: at least one card, and the PRD that it carries out with its scenarios."""

    title: str
    prd_path: str
    prd_title: str
    cards: Sequence[Card]
    scenarios: Sequence[Scenario] = ()


def render_sprint(sprint: Sprint, created_at: str) -> str:
    """Return the document; `created_at` as `rhwire.times.format_time` gives it."""
    sections = [
        f"# {heading(sprint.title)}",
        "> **Status**: Draft",
        "## PRD\n\n" + _prd(sprint),
        "## Rules\n\n" + _RULES,
        "## Backlog\n\n"
        "| # | Status | Task | Mode | Acceptance | Plan |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {number} | [ ] | {task} | inline | see card {number} | (pending) |"
            for number, task in enumerate(_distinct(card.title for card in sprint.cards), 1)
        ),
        "## Checklist\n\n" + "\n\n".join(_card(number, card) for number, card in enumerate(sprint.cards, 1)),
        "## Final Acceptance\n\n" + "\n".join(_final(sprint)),
        # The last section: the workflow's scripts add rows at the end of the file.
        "## Execution Log\n\n| When | Task | Plan | Result |\n| --- | --- | --- | --- |",
    ]
    matter = front_matter(title=sprint.title, kind="sprint", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"


def _prd(sprint: Sprint) -> str:
    text = f"{code(sprint.prd_path)} says why and for whom ({inline(sprint.prd_title)})"
    if not sprint.scenarios:
        return text + "."
    scenarios = list(sprint.scenarios)
    noun, verb = ("scenario", "decides") if len(scenarios) == 1 else ("scenarios", "decide")
    return f"{text}; its {noun} {names_of(scenarios)} {verb} whether this sprint is done."


def _card(number: int, card: Card) -> str:
    boxes = [f"- [ ] {code(check)}" for check in card.checks]
    boxes += [item("- [ ] ", observation) for observation in card.observations]
    boxes = boxes or [f"- [ ] {_NO_CHECK}"]
    if card.stage_gate:
        boxes.append(item("- [ ] Before the next card: ", card.stage_gate))
    objective = plain_block(card.objective)
    parts = [
        f"### Task Card {number}: {heading(card.title)}",
        f"Objective: {objective}" if begins_with_prose(card.objective) else f"Objective:\n\n{objective}",
        *(["Files: " + ", ".join(map(code, card.files))] if card.files else []),
        *(["Done when:"] if not card.files and _IN_LIST.match(objective.rpartition("\n")[2]) else []),
        "\n".join(boxes),
        "Result:",
    ]
    return "\n\n".join(parts)


def _final(sprint: Sprint) -> Iterator[str]:
    for scenario in sprint.scenarios:
        yield item(f"- [ ] **{scenario.number}** ", scenario.text)
    yield "- [ ] The repository's own tests pass"
    yield "- [ ] A handoff note says what changed, what remains at risk and what comes next"


def _distinct(titles: Iterator[str]) -> Iterator[str]:
    """Yield the titles as cells that all differ: the strict check refuses two equal tasks."""
    seen: set[str] = set()
    for title in titles:
        name = task = cell(title) or "Untitled"
        number = 2
        while task in seen:
            task, number = f"{name} ({number})", number + 1
        seen.add(task)
        yield task
