"""What one look finds. How it is recorded is the owner's (test_repo_service), what git means is in test_git_watch."""

from __future__ import annotations

from pathlib import Path

from rhd.repos.disk_scan import GIT, DiskScanner
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root
from tests.support.hints import FakeHints
from tests.support.repositories import Repository

KEY = b"k" * 32


def test_a_look_finds_what_changed_and_has_each_folder_watched(repository: Repository) -> None:
    hints = FakeHints()
    hints.attach("r", str(repository.path), lambda *_: None)
    with Root.open(str(repository.path)) as root:
        scanner, catalog = DiskScanner("r", hints), Catalog(root, KEY)
        first = scanner.scan(root, catalog, None, may_wait=True)
        assert first is not None
        assert {row.path for row in first.saved} == set(catalog.artifacts)
        repository.write("plans/new/a.md", "# A\n")
        found = scanner.scan(root, catalog, frozenset({"plans"}), may_wait=True)
        assert found is not None
        assert [(c[0], c[2]) for c in found.changes] == [("plans/new/a.md", "added")]
        assert found.origins == {}


def test_a_look_waits_for_git_if_it_may_and_says_what_git_changed(repository: Repository) -> None:
    hints = FakeHints()
    with Root.open(str(repository.path)) as root:
        scanner, catalog = DiskScanner("r", hints), Catalog(root, KEY)
        scanner.scan(root, catalog, None, may_wait=True)
        repository.write(".git/index.lock", "")
        repository.write("plans/a.md", "# A\n")
        assert scanner.scan(root, catalog, frozenset({"plans"}), may_wait=True) is None
        found = scanner.scan(root, catalog, frozenset({"plans"}), may_wait=False)
        assert found is not None
        assert found.origins == {"plans/a.md": GIT}


def test_a_branch_switch_that_no_hint_names_is_found_with_the_next_change_in_a_linked_worktree(
    tmp_path: Path, repository: Repository
) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    for subject, branches in ((Repository(tmp_path / "linked"), 1), (repository, 0)):
        with Root.open(str(subject.path)) as root:
            scanner, catalog = DiskScanner("r", FakeHints()), Catalog(root, KEY)
            scanner.scan(root, catalog, None, may_wait=True)
            subject.git("checkout", "-q", "-b", f"other-{branches}")
            nothing = scanner.scan(root, catalog, frozenset({"plans"}), may_wait=True)
            assert nothing is not None
            assert nothing.changes == []
            subject.write("plans/new.md", "# New\n")
            found = scanner.scan(root, catalog, frozenset({"plans"}), may_wait=True)
            assert found is not None
            assert [change for change in found.changes if change[2] == "branch"] == [
                ("", "repository", "branch")
            ] * branches
