"""Opening an adopted repository's folder: it must still be the one that was adopted."""

from __future__ import annotations

from contextlib import ExitStack

from rhd.access import SCAFFOLD
from rhd.errors import Detached, NotFound
from rhd.rel_path import RelPath
from rhd.repos.registry import Repo
from rhd.repos.scaffold import ID
from rhd.workflow.git import read_git_facts
from rhd.workflow.root import Root


def open_own(repo: Repo) -> tuple[Root, str | None]:
    """Open the folder if its id says that it is the one that was adopted; return its family of worktrees too.

    Raises:
        Detached: the folder is not there, or another one stands in its place.
        Refusal: REPO_BROKEN, READ_FAILED.
    """
    with ExitStack() as undo:
        root = undo.enter_context(Root.open(repo.path))
        try:
            found, _ = root.read(RelPath(ID), SCAFFOLD, 64)
        except NotFound as refusal:
            raise Detached(
                "the repository's folder no longer holds the id it was adopted with", details={"why": "id_removed"}
            ) from refusal
        if found.strip() != repo.id.encode():
            raise Detached("another repository stands where this one was adopted", details={"why": "replaced"})
        family = read_git_facts(root).family
        undo.pop_all()
    return root, family
