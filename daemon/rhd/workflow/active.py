"""Which plan and which sprint are being worked on."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rhd.access import ACTIVE_POINTERS
from rhd.errors import Detached, PathRefused, Refusal
from rhd.rel_path import RelPath
from rhd.workflow.artifacts import Artifact
from rhd.workflow.root import Root

_MAX_POINTER_BYTES = 4 << 10
# How far a plan or sprint is by the first word of its status; any other word comes after these.
_RANKS = {
    **dict.fromkeys(("executing", "active", "in", "wip", "doing", "started", "ongoing", "blocked", "review"), 0),
    **dict.fromkeys(("approved", "ready", "accepted"), 1),
    **dict.fromkeys(("draft", "annotating", "planned", "proposed"), 2),
}
_OTHER = 3
# A status that says that the work was done; a sprint with anything open is not done, whatever its status.
_DONE = ("done", "complete", "fulfilled", "implemented", "finished", "shipped", "delivered", "merged", "released")
_DROPPED = (
    *("archived", "superseded", "abandoned", "closed", "cancelled", "canceled", "rejected", "withdrawn", "obsolete"),
    *("deprecated", "dropped", "replaced"),
)


class Pointers(NamedTuple):
    """The paths that the workflow's own markers name."""

    plan: str | None = None
    sprint: str | None = None


def read_pointers(root: Root) -> Pointers:
    """Return what `.ai/harness/active-plan` and `.ai/harness/sprint/active-sprint` name, if it is inside `plans/`.

    Raises:
        Detached: the repository is not where it was.
    """
    plan, sprint = (_read_pointer(root, RelPath(path)) for path in ACTIVE_POINTERS.reads)
    return Pointers(plan, sprint)


def find_active(artifacts: Iterable[Artifact], pointer: str | None = None) -> Artifact | None:
    """Return the plan or sprint that is being worked on.

    That is the one that `pointer` names; else the one whose status is furthest, then the newest, of those that are not
    over; else the newest that is done, until another one begins.

    Args:
        artifacts: all plans, or all sprints.
        pointer: the path that the workflow's own marker names.
    """
    held = list(artifacts)
    pointed = next((artifact for artifact in held if artifact.path == pointer), None)
    if pointed is not None:
        return pointed
    going_on = [artifact for artifact in held if not _is_done(artifact) and not _begins(artifact, _DROPPED)]
    if going_on:
        return min(going_on, key=_rank)
    return max(
        (artifact for artifact in held if not _begins(artifact, _DROPPED)), key=lambda a: a.recency_ns, default=None
    )


def _rank(artifact: Artifact) -> tuple[int, int]:
    return _RANKS.get(_status_word(artifact), _OTHER), -artifact.recency_ns


def _is_done(artifact: Artifact) -> bool:
    outline = artifact.outline
    if outline.cards is not None and outline.cards[1] > 0:
        return outline.is_finished
    return _begins(artifact, _DONE)


def _begins(artifact: Artifact, words: Sequence[str]) -> bool:
    return _status_word(artifact).startswith(tuple(words))


def _status_word(artifact: Artifact) -> str:
    return _first_word(artifact.status or "")


@functools.lru_cache(maxsize=256)
def _first_word(status: str) -> str:
    """Return the first word of a status: `done` of `✅ Done (2026-11-22)`."""
    words = "".join(c if c.isalnum() else " " for c in status).split(maxsplit=1)
    return words[0].lower() if words else ""


def _read_pointer(root: Root, path: RelPath) -> str | None:
    try:
        said = root.read(path, ACTIVE_POINTERS, _MAX_POINTER_BYTES)[0].decode("utf-8").strip()
        named = RelPath(said.removeprefix("./"))
    except Detached:
        raise
    except (Refusal, PathRefused, UnicodeDecodeError):
        return None
    return named if named.startswith("plans/") else None
