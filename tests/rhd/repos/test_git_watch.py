from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.repos import git_watch
from rhd.repos.git_watch import GitWatch
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root
from tests.support.repositories import Repository


class Armed(list[str]):
    def __call__(self, folder: str, descriptor: int) -> None:
        self.append(folder)


def test_a_look_waits_while_git_writes_and_not_for_ever(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(git_watch.time, "monotonic", lambda: now[0])
    with Root.open(str(repository.path)) as root:
        git = GitWatch()
        assert (git.should_wait(root), git.is_writing(root)) == (False, False)
        lock = repository.write(".git/index.lock", "")
        assert (git.should_wait(root), git.is_writing(root)) == (True, True)
        now[0] += git_watch.WAIT_S
        assert (git.should_wait(root), git.is_writing(root)) == (False, True)
        with monkeypatch.context() as later:
            later.setattr(git_watch.time, "time", lambda: lock.stat().st_ctime + git_watch.LASTS_S + 1)
            assert not git.is_writing(root), "it was left by a git that was killed"
        lock.unlink()
        assert not git.is_writing(root)


def test_what_is_younger_than_the_index_is_not_gits(repository: Repository) -> None:
    with Root.open(str(repository.path)) as root:
        git, catalog = GitWatch(), Catalog(root, b"k" * 32)
        repository.write("plans/a.md", "x\n")
        repository.commit("one")
        catalog.refresh()
        repository.git("checkout", "-q", "-b", "other")
        repository.git("rm", "-q", "plans/a.md")
        repository.write("plans/mine.md", "after\n")
        changes = catalog.refresh().changes
        assert {(str(change.path), change.change) for change in changes} == {
            ("plans/a.md", "removed"),
            ("plans/mine.md", "added"),
        }
        assert git.written(root, catalog.artifacts, changes) == {"plans/a.md"}
        assert git.written(root, catalog.artifacts, []) == set()
        os.utime(repository.path / ".git/index", (1, 1))  # its time of change is now, all the same
        assert git.written(root, catalog.artifacts, changes) == {"plans/a.md", "plans/mine.md"}
        (repository.path / ".git/index").unlink()
        assert git.written(root, catalog.artifacts, changes) == set()


def test_a_head_has_moved_once_it_names_another_branch_or_none(repository: Repository) -> None:
    with Root.open(str(repository.path)) as root:
        git, armed = GitWatch(), Armed()

        def has_moved(*, is_whole: bool = True) -> bool:
            return git.has_moved(root, armed, is_whole=is_whole, has_changes=True)

        assert not has_moved(), "what is seen first has not moved"
        repository.git("checkout", "-q", "-b", "other")
        assert not has_moved(is_whole=False), "it is looked at where .git was hinted"
        assert has_moved()
        assert not has_moved()
        repository.commit("on the same branch")
        assert not has_moved()
        repository.git("checkout", "-q", "--detach")
        assert has_moved()
        assert set(armed) == {".git"}


def test_in_a_linked_worktree_a_move_is_seen_with_what_else_changed(tmp_path: Path, repository: Repository) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    linked = Repository(tmp_path / "linked")
    with Root.open(str(linked.path)) as root:
        git, armed = GitWatch(), Armed()
        assert not git.has_moved(root, armed, is_whole=True, has_changes=False)
        linked.git("checkout", "-q", "-b", "other")
        assert not git.has_moved(root, armed, is_whole=False, has_changes=False)
        assert git.has_moved(root, armed, is_whole=False, has_changes=True)
        assert armed == []
