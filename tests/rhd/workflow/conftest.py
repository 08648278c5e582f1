"""What the tests of this room share: repositories that are made once and copied, and a `Root` by both ways."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhd.workflow.root import Root
from tests.support import audit_hook
from tests.support.repositories import Repository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository to copy: git takes 30 ms to make one."""
    return Repository.make(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def repository(template: Repository, tmp_path: Path) -> Repository:
    """A repository with a few workflow artifacts. Enough of `.git` to read the branch; git itself needs `make`."""
    path = tmp_path / "project"
    audit_hook.register(path)
    shutil.copytree(template.path, path, ignore=shutil.ignore_patterns("objects", "hooks", "logs", "info"))
    return Repository(path)


@pytest.fixture(params=["openat2", "walk"])
def root(repository: Repository, request: pytest.FixtureRequest) -> Iterator[Root]:
    """The test repository's root; every test that uses it runs once for each way."""
    with Root.open(str(repository.path), method=request.param) as root:
        yield root
