"""The goal that a local agent carries out: `.ai/harness/handoff/codex-goal.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rhd.access import EXECUTOR_NOTE
from rhd.access import GOAL as GOAL_PATH
from rhd.workflow.documents.markdown import code, front_matter, item, plain_block, plain_line
from rhd.workflow.documents.scenarios import Scenario, names_of

SECTIONS = (
    "# Codex Goal",
    "## Source of truth",
    "## Role",
    "## Scope",
    "## Execution boundary",
    "## Required workflow",
    "## Required checks",
    "## Done when",
)
"""The headings that a goal must have before anything runs it."""

MAX_PROMPT_CHARS = 1500
DEFAULT_PROMPT = f"/goal What {GOAL_PATH} asks for is done. Read it first and keep to it."
"""The prompt of a goal that was written by hand."""

_PROMPT = re.compile(r"^(`{3,})text\n(/goal [^\0]*?)\n\1$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a goal is made from; the texts are a model's and are placed as text."""

    prd_path: str
    sprint_path: str
    scenarios: Sequence[Scenario] = ()
    reference_repo: str | None = None
    extra_instructions: str | None = None


def render_prompt(goal: Goal) -> str:
    """Return the condition that a person gives to Codex or Claude Code, at most 1,500 characters.

    Both take it as what must hold before they stop, and judge by what the conversation shows.
    """
    text = _prompt(goal, f"{plain_line(goal.sprint_path)}", f"{plain_line(goal.prd_path)}")
    if len(text) > MAX_PROMPT_CHARS:  # the goal names them
        text = _prompt(goal, "the sprint that the contract names", "its PRD")
    return text


def _prompt(goal: Goal, sprint: str, prd: str) -> str:
    scenarios = list(goal.scenarios)
    outcome = f"Every task card of {sprint} is done"
    if scenarios:
        named = names_of(scenarios) if len(scenarios) <= 20 else f"{scenarios[0].number} to {scenarios[-1].number}"
        noun, verb = ("scenario", "holds") if len(scenarios) == 1 else ("scenarios", "hold")
        outcome += f", and the acceptance {noun} {named} of {prd} {verb}"
    return "\n".join(
        (
            f"/goal {outcome}. The contract is {GOAL_PATH}: read it first and keep to it.",
            "Verified by: each command in a card's boxes, run now, exits 0, its output shown here; then "
            "`git diff --stat`.",
            "Work: one card at a time, in order; once its boxes are verified, tick them and set its Backlog row to [x] "
            f"in {sprint}, and write its Result line there; at the end tick Final Acceptance there too.",
            "Bounds: only what the cards ask for. Never weaken, skip or delete a check. No commit, push, publish or "
            "deploy; no secrets.",
            "If blocked (a card is wrong, a command cannot run, a decision is missing): leave the card unticked, write "
            f"what you tried, the evidence and what you need to {EXECUTOR_NOTE}, stop, and report it as blocked.",
            "Report in the user's language.",
        )
    )


def read_prompt(text: str) -> str | None:
    """Return the prompt that stands in a goal, or None if it has none."""
    found = _PROMPT.search(text)
    return found[2] if found else None


def render_goal(goal: Goal, created_at: str) -> str:
    """Return the document; `created_at` as `rhwire.times.format_time` gives it."""
    sources = [f"- PRD: {code(goal.prd_path)}", f"- Checklist Sprint: {code(goal.sprint_path)}"]
    if goal.reference_repo:
        sources.append(f"- Reference repo: {code(goal.reference_repo)} (read only, to compare with)")
    workflow = (
        "1. Read the repository's own instructions, the PRD and the sprint.\n"
        "2. Take the first card with an open box and do what it says, where you are: in this working tree, on its "
        "branch.\n"
        "3. Check each of its boxes: run the command, or make the observation.\n"
        "4. Report the card as the sprint's Rules say, in the sprint file.\n"
        "5. Go on with the next card. After the last one, check and tick each box under Final Acceptance.\n"
        f"6. Add a note to `{EXECUTOR_NOTE}`: what changed, what was run and what came out, what remains at risk, what "
        "comes next."
    )
    done = ["- Every box in the sprint's cards is ticked, each after it was checked."]
    done += [item(f"- **{scenario.number}** ", scenario.text) for scenario in goal.scenarios]
    done.append("- The boxes under Final Acceptance are ticked, and the note is written.")
    sections = [
        "# Codex Goal",
        "## Source of truth\n\n" + "\n".join(sources),
        "## Role\n\nYou are the executor. The plan is made; carry it out and leave evidence.",
        "## Scope\n\n"
        "- What the sprint's cards ask for, in their order, each finished before the next.\n"
        "- The sprint file itself, where progress is reported, and the handoff note.",
        "## Execution boundary\n\n"
        "- A card that turns out wrong is reported, not redesigned. Never weaken, skip or delete a check.\n"
        "- Leave the PRD, the reference repository, ignored files and secrets as they are.\n"
        "- Do not commit, push, publish or deploy unless the user asks for it. Git's own files need not be writable.\n"
        "- If you are blocked (a card is wrong, a command cannot run, a decision is missing, something says NEEDS "
        "CLARIFICATION): leave the card unticked, write what you tried, the evidence and what you need to "
        f"`{EXECUTOR_NOTE}`, stop, and report it as blocked.",
        "## Required workflow\n\n" + workflow,
        *(["## Extra instructions\n\n" + plain_block(goal.extra_instructions)] if goal.extra_instructions else []),
        "## Required checks\n\n"
        "- Each command in a card's boxes exits 0, run after the card's last change.\n"
        "- The repository's own tests pass before the last card is ticked.",
        "## Done when\n\n" + "\n".join(done),
        "## Host-native /goal prompt\n\n```text\n" + render_prompt(goal) + "\n```",
    ]
    matter = front_matter(title="Codex Goal", kind="codex-goal", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"
