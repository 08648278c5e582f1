"""A PRD from an idea.

The sections are those that the workflow's own strict check asks for, so that a PRD can be approved without being
rewritten. A section that was not given is left out; one that is needed says what has to be clarified.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rhd.workflow.documents.markdown import front_matter, heading, item, plain_block, plain_line
from rhd.workflow.documents.quick_read import first_sentences, one_line
from rhd.workflow.documents.scenarios import range_of

FOLDER = "plans/prds"
ENDING = ".prd.md"

_NO_PROBLEM = "[NEEDS CLARIFICATION: which problem of which people does this solve?]"
_NO_SCENARIO = "[NEEDS CLARIFICATION: what can be observed once it works?]"
# The strict check takes a section of such lines alone for an empty one.
_EMPTY_TO_CHECK = re.compile(r"\s*[->]*\s*(?:\.\.\.|Replace .*)?\s*")


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
    sections = [
        f"# {heading(prd.title)}",
        "> **Status**: Draft",
        "## AI Quick-Read Card\n\n" + "\n".join(item(f"- **{label}**: ", text) for label, text in _quick_read(prd)),
        "## Idea\n\n" + plain_block(prd.idea),
        "## Problem\n\n" + _problem(prd),
        *_listed("Users", prd.users),
        *_listed("Goals", prd.goals),
        *_listed("Non-goals", prd.non_goals),
        "## Acceptance Scenarios\n\n"
        + "\n".join(
            item(f"- [ ] **A{number}** ", text) for number, text in enumerate(prd.success_criteria or [_NO_SCENARIO], 1)
        ),
    ]
    if prd.notes:
        sections.append("## Notes\n\n" + plain_block(prd.notes))
    matter = front_matter(title=prd.title, kind="prd", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"


def _quick_read(prd: Prd) -> list[tuple[str, str]]:
    """Return the lines of the quick-read card: what was given, each in its own words, and nothing else."""
    scenario = one_line(prd.success_criteria[0]) if prd.success_criteria else ""
    lines = [
        ("Problem", first_sentences(prd.problem or "")),
        ("Users", _joined(prd.users)),
        ("P0 surface", _joined(prd.goals) or first_sentences(prd.idea) or plain_line(prd.title)),
        ("Core metric", f"A1: {scenario}" if scenario else ""),
        ("Out of scope", _joined(prd.non_goals)),
    ]
    return [(label, text) for label, text in lines if text]


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(filter(None, map(one_line, texts)))


def _problem(prd: Prd) -> str:
    text = plain_block(prd.problem) if prd.problem else _NO_PROBLEM
    if all(_EMPTY_TO_CHECK.fullmatch(line) or line.startswith("#") for line in text.split("\n")):
        count = len(prd.success_criteria) or 1
        text += f"\n\nSolved when {range_of(count)} {'holds' if count == 1 else 'hold'}."
    return text


def _listed(title: str, texts: Sequence[str]) -> list[str]:
    return [f"## {title}\n\n" + "\n".join(item("- ", text) for text in texts)] if texts else []
