"""`DiskScanner`: compares the disk with the catalog once, in the owner's thread, and returns what to record."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from rhd.repos.change_log import REPOSITORY
from rhd.repos.git_watch import DOT_GIT, GitWatch
from rhd.store.change_rows import ArtifactRow
from rhd.watch.hints import HintSource
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root

GIT = ("git", None)
"""The origin of what git changes: `via` and `by`."""


class ScanResult(NamedTuple):
    """What a scan found.

    Attributes:
        changes: path, kind and change of each; a line about the repository has the empty path.
        origins: `via` and `by` of paths of which it is known who changed them.
        saved: catalog rows to record.
        removed: paths whose catalog rows go.
        again: folders to scan once more, not before `again_after_s` seconds from now.
        again_after_s: None if there are none.
    """

    changes: list[tuple[str, str, str]]
    origins: Mapping[str, tuple[str, str | None]]
    saved: list[ArtifactRow]
    removed: tuple[str, ...]
    again: frozenset[str]
    again_after_s: float | None


class DiskScanner:
    """Of one repository; `scan` runs in its owner's thread."""

    def __init__(self, repo_id: str, hints: HintSource) -> None:
        self._repo_id = repo_id
        self._hints = hints
        self._git = GitWatch()

    def scan(
        self, root: Root, catalog: Catalog, folders: frozenset[str] | None, *, may_wait: bool
    ) -> ScanResult | None:
        """Bring the catalog up to date; folders that are listed are watched from then on.

        Args:
            root: the repository.
            catalog: its catalog.
            folders: which to list; None: all.
            may_wait: return None, having done nothing, if git is writing files now.

        Raises:
            Detached: the repository is not where it was.
        """
        lock = self._git.lock(root)
        if may_wait and self._git.should_wait(lock):
            return None
        known, arm = catalog.folders, partial(self._hints.arm, self._repo_id)
        refreshed = catalog.refresh(folders if folders is None else folders - {DOT_GIT}, arm)
        self._hints.drop(self._repo_id, known - catalog.folders)
        # A source that watches names cannot watch git's folder where it is elsewhere.
        is_due = folders is None or DOT_GIT in folders or (refreshed.changes and not self._git.is_inside)
        has_moved = is_due and self._git.has_moved(root, arm)
        changes: list[tuple[str, str, str]] = list(refreshed.changes)
        gits = self._git.written(root, catalog.artifacts, refreshed.changes, lock)
        origins: dict[str, tuple[str, str | None]] = dict.fromkeys(gits, GIT)
        if has_moved:
            changes.append(("", REPOSITORY, "branch"))
            origins[""] = GIT
        saved = [artifact.row() for artifact in refreshed.save]
        return ScanResult(changes, origins, saved, refreshed.delete, refreshed.again, refreshed.again_after_s)
