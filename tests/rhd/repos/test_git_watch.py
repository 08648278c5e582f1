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
        assert git.lock(root) is None
        assert not git.should_wait(None)
        repository.write(".git/index.lock", "")
        lock = git.lock(root)
        assert lock is not None
        assert git.should_wait(lock)
        now[0] += git_watch.WAIT_S
        assert not git.should_wait(lock)


def test_what_changes_while_git_writes_is_gits(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with Root.open(str(repository.path)) as root:
        git, catalog = GitWatch(), Catalog(root, b"k" * 32)
        catalog.refresh()
        repository.age()
        repository.write("plans/a.md", "x\n")
        changes = catalog.refresh().changes
        assert git.written(root, catalog.artifacts, changes, None) == set()
        written = repository.write(".git/index.lock", "")
        lock = git.lock(root)
        assert git.written(root, catalog.artifacts, changes, None) == {"plans/a.md"}, "it has begun meanwhile"
        assert git.written(root, catalog.artifacts, (), lock) == set()
        with monkeypatch.context() as later:
            later.setattr(git_watch.time, "time", lambda: written.stat().st_ctime + git_watch.LASTS_S + 1)
            assert git.written(root, catalog.artifacts, changes, lock) == set(), "a git that was killed left it"
        written.unlink()
        assert git.written(root, catalog.artifacts, changes, lock) == {"plans/a.md"}, "it has finished meanwhile"


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
        assert git.written(root, catalog.artifacts, changes, None) == {"plans/a.md"}
        assert git.written(root, catalog.artifacts, [], None) == set()
        os.utime(repository.path / ".git/index", (1, 1))  # its time of change is now, all the same
        assert git.written(root, catalog.artifacts, changes, None) == {"plans/a.md", "plans/mine.md"}
        (repository.path / ".git/index").unlink()
        assert git.written(root, catalog.artifacts, changes, None) == set()


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
        assert git.lock(root) is not None
        (folder / "index.lock").unlink()
        assert git.lock(root) is None
        other.git("checkout", "-q", "-b", "moved")
        assert git.has_moved(root, armed) == (how != "link"), "a link's facts are not believed"


def test_what_git_does_not_say_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/.git").write_text("gitdir: /nowhere/at/all\n")
    with Root.open(str(tmp_path / "r")) as root:
        git, armed = GitWatch(), Armed()
        assert not git.has_moved(root, armed)
        assert git.lock(root) is None
        (tmp_path / "r/.git").unlink()
        assert not git.has_moved(root, armed)
        assert armed == []
        (tmp_path / "r").rename(tmp_path / "away")
        with pytest.raises(Detached):
            git.lock(root)
