"""What exposes the passphrase's copy; how it is written is in test_adoption.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhd.errors import Refusal
from rhd.repos.passphrase_copy import Exposure, find_exposure, protect
from rhd.workflow.root import Root
from tests.support.repositories import Repository


def exposure(repository: Repository) -> Exposure:
    with Root.open(str(repository.path)) as root:
        return find_exposure(root)


def test_nothing_is_exposed_before_and_after_it_is_protected(repository: Repository) -> None:
    assert exposure(repository) == Exposure()
    with Root.open(str(repository.path)) as root:
        protect(root)
    assert exposure(repository) == Exposure()


def test_each_way_is_told_apart(repository: Repository) -> None:
    with Root.open(str(repository.path)) as root:
        protect(root)
    folder = repository.path / ".repo-harness"
    folder.chmod(0o750)
    assert exposure(repository) == Exposure(is_open=True)
    (folder / ".gitignore").write_text("!*\n")
    assert exposure(repository) == Exposure(is_open=True, has_foreign_ignore=True)
    (folder / ".gitignore").unlink()
    folder.chmod(0o700)
    assert exposure(repository) == Exposure(has_foreign_ignore=True)
    repository.write(".repo-harness/mcp.oauth.json", "{}")
    repository.git("add", "-f", ".repo-harness/mcp.oauth.json")
    assert exposure(repository) == Exposure(is_tracked=True, has_foreign_ignore=True)
    with Root.open(str(repository.path)) as root:
        protect(root)
    assert exposure(repository) == Exposure(is_tracked=True)


@pytest.mark.parametrize("link", [".repo-harness", ".repo-harness/.gitignore"])
def test_a_link_is_not_followed(repository: Repository, tmp_path: Path, link: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = repository.path / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    with Root.open(str(repository.path)) as root, pytest.raises(Refusal):
        protect(root)
    assert list((tmp_path / "elsewhere").iterdir()) == []
