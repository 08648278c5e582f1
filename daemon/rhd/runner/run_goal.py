"""The goal that a run is made from: one fixed file, read through its own reach and checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rhd.access import GOAL, GOAL_HANDOVER, ORCHESTRATOR
from rhd.errors import Conflict, Refusal
from rhd.rel_path import RelPath
from rhd.runner.supervised_process import Folder
from rhd.workflow.artifacts import Artifact
from rhd.workflow.documents.goal import SECTIONS
from rhd.workflow.reach import may_read
from rhd.workflow.reading import decode_text
from rhd.workflow.redaction.redact import redact
from rhd.workflow.revisions import revision_of
from rhd.workflow.root import Root

MAX_BYTES = 512 << 10
_SOURCES = {
    "prd": re.compile(r"`\s*(plans/prds/[^`\n]+?)\s*`"),
    "sprint": re.compile(r"`\s*(plans/sprints/[^`\n]+?)\s*`"),
}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class RunGoal:
    """A goal that can be run.

    Attributes:
        text: exactly what the agent gets.
        revision: of the file.
        prd: the path of its PRD.
        sprint: the path of its sprint.
        sprint_text: what the sprint says: a command that stands in it and may not be run blocks the run.
        folder: the repository's folder, in which the agent starts.
    """

    text: str
    revision: str
    prd: RelPath
    sprint: RelPath
    sprint_text: str
    folder: Folder


def read_goal(root: Root, key: bytes, expected: str, find: Callable[[str], Artifact | None]) -> RunGoal:
    """Return the goal of a repository; runs in a thread of the repository.

    Args:
        root: the repository.
        key: the installation's.
        expected: the revision that the caller has read.
        find: returns the artifact at a path.

    Raises:
        NotFound: there is no goal.
        Conflict: REVISION_CONFLICT, it is not at the expected revision.
        Refusal: INVALID_GOAL; SOURCE_NOT_READABLE, its PRD or sprint is missing.
    """
    path = RelPath(GOAL)
    try:
        data, _ = root.read(path, GOAL_HANDOVER, MAX_BYTES)
    except Refusal as refusal:
        if refusal.code == "NOT_FOUND":
            refusal.next_step = "Write it with prepare_codex_goal_from_sprint."
        raise
    revision = revision_of(key, data)
    if expected != revision:
        raise Conflict(
            "the goal is not at the expected revision",
            next_step=f"Read {GOAL} with read_workflow_file, show it to the user, and pass its revision.",
        )
    text = decode_text(path, data)
    check_goal(text)
    sources = {kind: _source(text, kind, find) for kind in _SOURCES}
    device, inode = root.identity
    sprint, _ = root.read(sources["sprint"], ORCHESTRATOR.reach, MAX_BYTES)
    folder = Folder(root.path, device, inode)
    return RunGoal(text, revision, sources["prd"], sources["sprint"], sprint.decode("utf-8", "replace"), folder)


def check_goal(text: str) -> None:
    """Refuse a text that is no goal document, or that holds what looks like a secret.

    Raises:
        Refusal: INVALID_GOAL.
    """
    headings = {line.rstrip() for line in _unfenced(text)}
    if missing := [section for section in SECTIONS if section not in headings]:
        raise Refusal(
            f"the goal lacks {', '.join(section.lstrip('# ') for section in missing)}",
            code="INVALID_GOAL",
            details={"missing": missing},
        )
    if redact(text).counts:
        raise Refusal(
            "the goal holds what looks like a secret, and an agent is given only what the caller could read",
            code="INVALID_GOAL",
            next_step="Ask the owner to take it out of the goal, then read the goal again.",
        )


def _unfenced(text: str) -> list[str]:
    """Return the lines outside of fenced code."""
    lines, fence = [], ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            lines.append(line)
    return lines


def _source(text: str, kind: str, find: Callable[[str], Artifact | None]) -> RelPath:
    match = _SOURCES[kind].search(text)
    if match is None:
        raise Refusal(f"the goal names no {kind}", code="INVALID_GOAL", details={"missing": [kind]})
    artifact = find(match[1])
    if artifact is None or artifact.kind != kind or not may_read(ORCHESTRATOR.reach, artifact.path):
        raise Refusal(
            f"the {kind} of the goal cannot be read",
            code="SOURCE_NOT_READABLE",
            next_step="Prepare the goal again with prepare_codex_goal_from_sprint.",
            details={"missing": [{"kind": kind, "path": match[1]}]},
        )
    return artifact.path
