"""A PRD from an idea.

The sections are a superset of what the workflow's own checks ask for, so that a PRD written here can be approved
without being rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rhd.workflow.documents.markdown import front_matter, heading, item, plain_block, plain_line

FOLDER = "plans/prds"
ENDING = ".prd.md"


@dataclass(frozen=True, slots=True)
class Prd:
    """What a PRD is made from; every text is a model's and is placed as text."""

    title: str
    idea: str
    problem: str | None = None
    users: Sequence[str] = ()
    goals: Sequence[str] = ()
    non_goals: Sequence[str] = ()
    success_criteria: Sequence[str] = ()
    notes: str | None = None


def render_prd(prd: Prd, created_at: str) -> str:
    """Return the document; `created_at` as `rhwire.times.format_time` gives it."""
    problem = prd.problem or "To be stated: which problem of whom does the idea solve?"
    criteria = prd.success_criteria or ("To be stated: how does one see that it works?",)
    quick = [
        ("Problem", _first_line(problem)),
        ("Users", "; ".join(map(plain_line, prd.users)) or "To be stated"),
        ("P0 surface", "; ".join(map(plain_line, prd.goals)) or _first_line(prd.idea)),
        ("Core metric", plain_line(criteria[0])),
        ("Hard constraint", "; ".join(map(plain_line, prd.non_goals)) or "None stated"),
        ("Suggested next step", "Write a checklist sprint from this PRD"),
    ]
    sections = [
        f"# {heading(prd.title)}",
        "> **Status**: Draft",
        "## AI Quick-Read Card\n\n" + "\n".join(f"- **{name}**: {item(text)}" for name, text in quick),
        "## Idea\n\n" + plain_block(prd.idea),
        "## Problem\n\n" + plain_block(problem),
        "## Users\n\n" + _bullets(prd.users, "To be stated"),
        "## Goals\n\n" + _bullets(prd.goals, "Carry the idea out in its smallest useful form"),
        "## Non-goals\n\n" + _bullets(prd.non_goals, "None stated"),
        "## Acceptance Scenarios\n\n" + "\n".join(f"- [ ] {item(text)}" for text in criteria),
        "## Workflow Contract\n\n"
        "- This PRD states the intent; the sprint made from it is the order of work.\n"
        "- The sprint is a list of task cards, worked through from the first to the last.\n"
        "- A local agent carries it out; whoever planned it does not.",
        "## Handoff Notes\n\n" + (plain_block(prd.notes) if prd.notes else "- None"),
    ]
    matter = front_matter(title=prd.title, kind="prd", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"


def _bullets(texts: Sequence[str], default: str) -> str:
    return "\n".join(f"- {item(text)}" for text in texts or (default,))


def _first_line(text: str) -> str:
    return next((plain_line(line) for line in text.splitlines() if line.strip()), "")
