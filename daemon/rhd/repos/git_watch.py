"""`GitWatch`: whether git is working in a repository now, and whether its HEAD has moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

from rhd.access import GIT_FACTS
from rhd.errors import Detached, Refusal
from rhd.rel_path import RelPath
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.catalog import Change
from rhd.workflow.filestat import Facts
from rhd.workflow.git import opened_git_folder, read_git_facts
from rhd.workflow.root import Root

DOT_GIT = ".git"
"""The name in hints of the folder that holds HEAD and the index; that of a linked worktree is elsewhere."""

WAIT_S = 1.0
"""How long a look waits for git to finish: what git is still writing would be seen half-written, and told twice."""

LASTS_S = 60.0
"""A lock that is older was left by a git that was killed."""

JUST_S = 2.0
"""A file that was removed so shortly before or after git finished was removed by it."""

_UNKNOWN = object()


class GitWatch:
    """For the thread of one repository's owner.

    git holds `index.lock` while it writes files, renames it to `index` when it has, and moves HEAD last.

    Attributes:
        is_inside: these files are in `.git` itself, as was seen last; those of a linked worktree are elsewhere.
    """

    def __init__(self) -> None:
        self._waiting: tuple[int, float] = (-1, 0.0)
        self._branch: object = _UNKNOWN
        self.is_inside = False

    def lock(self, root: Root) -> Facts | None:
        """Return what git's lock looks like; None if git is not writing files.

        Raises:
            Detached: the repository is not where it was.
        """
        (lock,) = self._look(root, "index.lock")
        return lock

    def should_wait(self, lock: Facts | None) -> bool:
        """Say whether to look later, since git is writing files, and not for too long yet."""
        if lock is None:
            return False
        now = time.monotonic()
        if self._waiting[0] != lock.inode:
            self._waiting = lock.inode, now
        return now < self._waiting[1] + WAIT_S

    def written(
        self, root: Root, artifacts: Artifacts, changes: Collection[Change], lock_before: Facts | None
    ) -> set[str]:
        """Return the paths of the changes that git made: all if it is writing; later, none is younger than its index.

        Args:
            lock_before: git's lock before the changes were looked for.

        Raises:
            Detached: the repository is not where it was.
        """
        if not changes:
            return set()
        lock, index = self._look(root, "index.lock", "index")
        if _is_young(lock_before) or _is_young(lock):
            return {str(change.path) for change in changes}
        if index is None:
            return set()
        finished_ns, now_ns = index.signature[3], time.time_ns()
        if abs(now_ns - finished_ns) > LASTS_S * 1e9:
            return set()
        made = set()
        for change in changes:
            artifact = artifacts.get(change.path)
            at_ns = artifact.modified_ns if artifact is not None else now_ns - int(JUST_S * 1e9)
            if finished_ns - LASTS_S * 1e9 <= at_ns <= finished_ns:
                made.add(str(change.path))
        return made

    def has_moved(self, root: Root, arm: Callable[[str, int], None]) -> bool:
        """Watch git's folder; say whether another branch than the last time is checked out, or none any more.

        Args:
            root: the repository.
            arm: watches a folder by its descriptor.

        Raises:
            Detached: the repository is not where it was.
        """
        with opened_git_folder(root) as (git, prefix):
            self.is_inside = git is root
            if git is not None:
                with _outside(git, root):
                    folder: RelPath | Literal[""] = RelPath(DOT_GIT) if prefix else ""
                    git.list(folder, GIT_FACTS, arm=lambda descriptor: arm(DOT_GIT, descriptor))
        before, self._branch = self._branch, read_git_facts(root).branch
        return before not in (_UNKNOWN, self._branch)

    def _look(self, root: Root, *names: str) -> list[Facts | None]:
        """Return the facts of files in git's folder; None for each that is not there."""
        found: list[Facts | None] = []
        with nullcontext((root, f"{DOT_GIT}/")) if self.is_inside else opened_git_folder(root) as (git, prefix):
            for name in names:
                facts = None
                if git is not None:
                    with _outside(git, root):
                        facts = git.look(RelPath.trust(prefix + name), GIT_FACTS)
                found.append(facts)
        return found


def _is_young(lock: Facts | None) -> bool:
    return lock is not None and time.time() < lock.signature[3] / 1e9 + LASTS_S


@contextmanager
def _outside(git: Root, root: Root) -> Iterator[None]:
    """Take what git's folder refuses for nothing; but that the repository itself is detached is not to be missed."""
    try:
        yield
    except Detached:
        if git is root:
            raise
    except Refusal:
        pass
