from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.errors import Detached
from rhd.repos.opening import open_own
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms


async def test_only_the_folder_that_was_adopted_is_opened(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        repo = (await rooms.adopt(repository)).repo
        assert repo is not None
    root, family = open_own(repo)
    root.close()
    assert family == f"{repository.path}/.git"
    before = len(os.listdir("/proc/self/fd"))
    for text in ("another\n", None):
        path = repository.path / ".repo-harness/id"
        path.unlink() if text is None else path.write_text(text)
        with pytest.raises(Detached):
            open_own(repo)
    repository.path.rename(tmp_path / "away")
    with pytest.raises(Detached):
        open_own(repo)
    assert len(os.listdir("/proc/self/fd")) == before
