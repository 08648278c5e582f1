"""The goal that a local agent carries out: `.ai/harness/handoff/codex-goal.md`."""

from __future__ import annotations

from dataclasses import dataclass

from rhd.workflow.documents.markdown import code, front_matter, plain_block, plain_line

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


@dataclass(frozen=True, slots=True)
class Goal:
    """What a goal is made from; the texts are a model's and are placed as text."""

    prd_path: str
    sprint_path: str
    reference_repo: str | None = None
    extra_instructions: str | None = None


def render_prompt(goal: Goal) -> str:
    """Return what a person pastes behind the agent's prompt."""
    lines = [
        "/goal",
        f"Read: {plain_line(goal.prd_path)}",
        f"Complete, in a worktree of its own: {plain_line(goal.sprint_path)}",
        "Stage the result of each card before the next one begins.",
        "Report in the user's language unless the repository's instructions say otherwise.",
    ]
    if goal.reference_repo:
        lines.append(f"Reference repo, read-only: {plain_line(goal.reference_repo)}")
    return "\n".join(lines)


def render_goal(goal: Goal, created_at: str) -> str:
    """Return the document; `created_at` as `rhwire.times.format_time` gives it."""
    sources = [f"- PRD: {code(goal.prd_path)}", f"- Checklist Sprint: {code(goal.sprint_path)}"]
    if goal.reference_repo:
        sources.append(f"- Reference repo: {code(goal.reference_repo)} (to compare with, never to change)")
    workflow = (
        "1. Read the PRD, the sprint and the repository's own instructions.\n"
        "2. Open an isolated worktree, or use the one that you are in.\n"
        "3. Take the first card that is not done.\n"
        "4. Do what it says, and nothing else.\n"
        "5. Run its checks; tick its boxes in the sprint; stage the result.\n"
        "6. Go on with the next card until none is left."
    )
    if goal.extra_instructions:
        workflow += "\n\n" + plain_block(goal.extra_instructions)
    sections = [
        "# Codex Goal",
        "## Source of truth\n\n" + "\n".join(sources),
        "## Role\n\nYou are the executor. The plan is made; carry it out and leave evidence.",
        "## Scope\n\n"
        "- Only what the sprint's cards ask for.\n"
        "- Cards in their order, each finished before the next.\n"
        "- The sprint's checklist is kept true after each card.",
        "## Execution boundary\n\n"
        "- Do not widen the work: a card that turns out wrong is reported, not redesigned.\n"
        "- Do not touch the reference repository, ignored files or secrets.\n"
        "- Do not push, publish or deploy.",
        "## Required workflow\n\n" + workflow,
        "## Required checks\n\n"
        "- The checks that each card names.\n"
        "- The repository's own test command before the last card is ticked.",
        "## Done when\n\n"
        "- Every card of the sprint is ticked and staged.\n"
        "- The checks pass, and their output is in the handoff.\n"
        "- The handoff says what is staged, what remains at risk and what comes next.\n"
        "- Nothing is committed unless the user asked for it.",
        "## Host-native /goal prompt\n\n```text\n" + render_prompt(goal) + "\n```",
    ]
    matter = front_matter(title="Codex Goal", kind="codex-goal", created_at=created_at, source="repo-harness")
    return matter + "\n" + "\n\n".join(sections) + "\n"
