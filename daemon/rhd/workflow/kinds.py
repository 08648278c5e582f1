"""What kind of artifact a path is: by its folder, or where that does not decide it, by its name.

Real repositories break every naming rule there is (`plans/prds/idea.md`, `plans/sprints/第一: v2 — final.md`), so
that the folder decides and the ending only where folders mix. Kinds are for ever.
"""

from __future__ import annotations

import functools

KINDS = (
    "archive",
    "check",
    "context",
    "contract",
    "current",
    "handoff",
    "harness",
    "instructions",
    "note",
    "plan",
    "prd",
    "reference",
    "review",
    "spec",
    "sprint",
    "task",
)

_FILES = {
    "AGENTS.md": "instructions",
    "CLAUDE.md": "instructions",
    "SKILL.md": "instructions",
    "docs/spec.md": "spec",
    "tasks/current.md": "current",
}

# The first that a path begins with decides.
_FOLDERS = (
    ("plans/archive/", "archive"),
    ("plans/prds/", "prd"),
    ("plans/sprints/", "sprint"),
    ("plans/", "plan"),
    ("tasks/archive/", "archive"),
    ("tasks/contracts/", "contract"),
    ("tasks/reviews/", "review"),
    ("tasks/notes/", "note"),
    ("tasks/", "task"),
    (".ai/context/", "context"),
    (".ai/harness/handoff/", "handoff"),
    (".ai/harness/checks/", "check"),
    (".ai/harness/", "harness"),
    ("docs/", "reference"),
)
# A sprint that was laid among the PRDs is still a sprint.
_ENDINGS = ((".prd.md", "prd"), (".sprint.md", "sprint"))
_DOCUMENTS = (".md", ".markdown", ".mdx", ".txt")


def kind_of(path: str) -> str:
    """Return the kind of the artifact at `path`, one of `KINDS`."""
    if (kind := _FILES.get(path)) is not None:
        return kind
    folder, _, name = path.rpartition("/")
    kind = _held_in(folder)
    if kind in ("plan", "prd", "sprint"):
        name = name.lower()
        for ending, other in _ENDINGS:
            if name.endswith(ending):
                return other
        # Files beside plans that are none: an index, a picture, a data file.
        if name == "readme.md" or ("." in name and not name.endswith(_DOCUMENTS) and _has_ending(name)):
            return "reference"
    return kind


@functools.lru_cache(maxsize=1024)
def _held_in(folder: str) -> str:
    return next((kind for begin, kind in _FOLDERS if f"{folder}/".startswith(begin)), "reference")


def _has_ending(name: str) -> bool:
    """Say whether what follows the last dot is a file's ending and no part of a title (`v2.1 — final`)."""
    ending = name.rpartition(".")[2]
    return 1 <= len(ending) <= 5 and ending.isascii() and ending.isalnum() and not ending.isdigit()
