"""A checklist sprint: task cards in order, and the backlog table that the workflow's scripts drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rhd.workflow.documents.markdown import cell, code, front_matter, heading, item, plain_line

FOLDER = "plans/sprints"
ENDING = ".sprint.md"


@dataclass(frozen=True, slots=True)
class Card:
    """One task; every text is a model's and is placed as text."""

    title: str
    objective: str
    files: Sequence[str] = ()
    checks: Sequence[str] = ()
    stage_gate: str | None = None


@dataclass(frozen=True, slots=True)
class Sprint:
    """What a sprint is made from: at least one card, and the PRD that it carries out."""

    title: str
    prd_path: str
    prd_title: str
    cards: Sequence[Card]


def render_sprint(sprint: Sprint, created_at: str) -> str:
    """Return the document; `created_at` as `rhwire.times.format_time` gives it."""
    sections = [
        f"# {heading(sprint.title)}",
        "> **Status**: Draft",
        f"## Source\n\n- PRD: {code(sprint.prd_path)}",
        f"## PRD\n\n{item(sprint.prd_title)}: the whole intent stands in {code(sprint.prd_path)}.",
        "## Execution Rule\n\n"
        "- Work the cards from the first to the last; do not skip one.\n"
        "- A card is one slice: finished, checked and staged before the next begins.\n"
        "- After each card, tick its boxes here and stage the result.\n"
        "- What is not staged does not count as done.",
        "## Checklist\n\n" + "\n\n".join(_card(number, card) for number, card in enumerate(sprint.cards, 1)),
        "## Final Acceptance\n\n"
        "- [ ] Every card is ticked\n"
        "- [ ] The required checks pass\n"
        "- [ ] The handoff says what is staged, what remains at risk and what comes next",
        "## Backlog\n\n"
        "| # | Status | Task | Mode | Acceptance | Plan |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {number} | [ ] | {number}. {cell(card.title)} | inline | {cell(_acceptance(card))} | |"
            for number, card in enumerate(sprint.cards, 1)
        ),
        "## Execution Log\n\n| When | Task | Plan | Result |\n| --- | --- | --- | --- |",
    ]
    matter = front_matter(title=sprint.title, kind="sprint", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"


def _card(number: int, card: Card) -> str:
    files = ", ".join(map(code, card.files)) or "to be found during execution"
    checks = ", ".join(map(code, card.checks)) or "a focused check of this slice"
    gate = item(card.stage_gate) if card.stage_gate else "update this checklist, run the checks, stage the slice"
    return (
        f"### Task Card {number}: {heading(card.title)}\n\n"
        f"- [ ] Objective: {item(card.objective)}\n"
        f"- [ ] Files/entrypoints: {files}\n"
        f"- [ ] Verification: {checks}\n"
        f"- [ ] Stage gate: {gate}"
    )


def _acceptance(card: Card) -> str:
    return "; ".join(map(plain_line, card.checks)) or plain_line(card.objective)
