"""The other worktrees of a repository: how far the same sprint is there.

A worktree is believed to be a sibling only if git's own files say so on both sides. One file of it is read, through a
`Root` of its own, at the moment of the call; nothing in it is watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from rhd.access import GIT_FACTS, SIBLING_SPRINT
from rhd.errors import Detached, HarnessError, Refusal
from rhd.rel_path import RelPath
from rhd.workflow.git import read_git_facts
from rhd.workflow.kinds import kind_of
from rhd.workflow.outline import Outline, read_outline
from rhd.workflow.root import Root

MOST = 20
_MAX_SPRINT_BYTES, _MAX_POINTER_BYTES = 4 << 20, 4 << 10


class Sibling(NamedTuple):
    """A sibling worktree that has the sprint.

    Attributes:
        path: the worktree's real path.
        branch: the branch that is checked out there; None on a detached HEAD.
        outline: of its copy of the sprint.
    """

    path: str
    branch: str | None
    outline: Outline


def read_siblings(root: Root, sprint: RelPath) -> list[Sibling]:
    """Return the sibling worktrees that hold the sprint at the same path, at most 20.

    Raises:
        Detached: the repository is not where it was.
    """
    facts, own = read_git_facts(root), root.real_path()
    if facts.family is None:
        return []
    main, _, name = facts.family.rpartition("/")
    others = dict.fromkeys([*([main] if name == ".git" else []), *_linked(facts.family)])
    found = (_read_sibling(path, facts.family, sprint) for path in others if path != own)
    return list(islice(filter(None, found), MOST))


def _linked(family: str) -> Iterator[str]:
    """Yield the folders that the family's git folder names as its worktrees."""
    try:
        with Root.open(family) as git:
            for entry in git.list(RelPath("worktrees"), GIT_FACTS, limit=4 * MOST):
                said, _ = git.read(RelPath(f"{entry.path}/gitdir"), GIT_FACTS, _MAX_POINTER_BYTES)
                folder, _, name = said.decode("utf-8", "surrogateescape").strip().rpartition("/")
                if name == ".git" and folder.startswith("/"):
                    yield folder
    except (HarnessError, ValueError):
        return


def _read_sibling(path: str, family: str, sprint: RelPath) -> Sibling | None:
    try:
        with Root.open(path) as other:
            facts = read_git_facts(other)
            if facts.family != family:
                return None
            data, _ = other.read(sprint, SIBLING_SPRINT, _MAX_SPRINT_BYTES)
            outline = read_outline(kind_of(sprint), sprint.rpartition("/")[2], data)
            return Sibling(other.real_path(), facts.branch, outline)
    except (Detached, Refusal, ValueError):
        return None
