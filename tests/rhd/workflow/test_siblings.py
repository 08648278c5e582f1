from __future__ import annotations

from pathlib import Path

import pytest

from rhd.rel_path import RelPath
from rhd.workflow.root import Root
from rhd.workflow.siblings import read_siblings
from tests.support.repositories import Repository

SPRINT = RelPath("plans/sprints/s.sprint.md")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A real git repository."""
    return Repository.make(tmp_path / "project")


@pytest.fixture
def second(tmp_path: Path, repository: Repository) -> Path:
    """A linked worktree, one step further with the sprint."""
    repository.write(SPRINT, "# S\n\n### Task Card 1\n\n- [ ] a\n")
    repository.commit("sprint")
    repository.git("worktree", "add", "-q", "-b", "codex/s", str(tmp_path / "second"))
    (tmp_path / "second" / SPRINT).write_text("# S\n\n### Task Card 1\n\n- [x] a\n")
    return tmp_path / "second"


def siblings_of(path: Path) -> list[tuple[str | None, tuple[int, int] | None]]:
    with Root.open(str(path)) as root:
        return [(sibling.branch, sibling.outline.cards) for sibling in read_siblings(root, SPRINT)]


def test_worktrees_see_each_other(repository: Repository, second: Path) -> None:
    assert siblings_of(repository.path) == [("codex/s", (1, 1))]
    assert siblings_of(second) == [("main", (0, 1))]


def test_a_worktree_without_the_sprint_or_with_a_link_in_its_place_is_left_out(
    repository: Repository, second: Path
) -> None:
    (second / SPRINT).unlink()
    assert siblings_of(repository.path) == []
    (second / SPRINT).symlink_to(repository.path / SPRINT)
    assert siblings_of(repository.path) == []


def test_a_folder_that_does_not_point_back_is_no_sibling(tmp_path: Path, repository: Repository, second: Path) -> None:
    forged = tmp_path / "forged"
    (forged / SPRINT).parent.mkdir(parents=True)
    (forged / SPRINT).write_text("### Task Card 1\n- [x] a\n")
    (forged / ".git").write_text((second / ".git").read_text())
    (repository.path / ".git/worktrees/second/gitdir").write_text(f"{tmp_path / 'elsewhere'}/.git\n")
    assert siblings_of(repository.path) == []
    assert siblings_of(forged) == []


def test_a_repository_without_worktrees_has_no_siblings(repository: Repository, tmp_path: Path) -> None:
    assert siblings_of(repository.path) == []
    assert siblings_of(tmp_path) == []
