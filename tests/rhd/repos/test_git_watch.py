from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.errors import Detached
from rhd.repos import git_watch
from rhd.repos.git_watch import GitWatch
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root
from tests.support.repositories import Repository


class Armed(list[tuple[str, int]]):
    def __call__(self, folder: str, descriptor: int) -> None:
        self.append((folder, os.fstat(descriptor).st_ino))


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
        assert not git.has_moved(root, armed), "what is seen first has not moved"
        repository.git("checkout", "-q", "-b", "other")
        assert git.has_moved(root, armed)
        assert not git.has_moved(root, armed)
        repository.commit("on the same branch")
        assert not git.has_moved(root, armed)
        repository.git("checkout", "-q", "--detach")
        assert git.has_moved(root, armed)
        assert armed == [(".git", (repository.path / ".git").stat().st_ino)] * 5


@pytest.mark.parametrize("how", ["worktree", "submodule", "link"])
def test_where_git_keeps_head_elsewhere_that_folder_is_watched(
    tmp_path: Path, repository: Repository, how: str
) -> None:
    other, folder = Repository(tmp_path / "other"), repository.path / ".git"
    if how == "worktree":
        repository.git("worktree", "add", "-q", str(other.path), "-b", "linked")
        folder = folder / "worktrees/other"
    elif how == "submodule":
        other = Repository.make(other.path)
        other.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository.path), "sub")
        other, folder = Repository(other.path / "sub"), other.path / ".git/modules/sub"
    else:
        other.path.mkdir()
        (other.path / ".git").symlink_to(folder)
    with Root.open(str(other.path)) as root:
        git, armed = GitWatch(), Armed()
        assert not git.has_moved(root, armed)
        assert armed == [(".git", folder.stat().st_ino)]
        (folder / "index.lock").write_text("")
        assert git.should_wait(root)
        assert git.is_writing(root)
        (folder / "index.lock").unlink()
        assert not git.is_writing(root)
        other.git("checkout", "-q", "-b", "moved")
        assert git.has_moved(root, armed) == (how != "link"), "a link's facts are not believed"


def test_what_git_does_not_say_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/.git").write_text("gitdir: /nowhere/at/all\n")
    with Root.open(str(tmp_path / "r")) as root:
        git, armed = GitWatch(), Armed()
        assert not git.has_moved(root, armed)
        assert not git.should_wait(root)
        (tmp_path / "r/.git").unlink()
        assert not git.has_moved(root, armed)
        assert armed == []
        (tmp_path / "r").rename(tmp_path / "away")
        with pytest.raises(Detached):
            git.is_writing(root)
