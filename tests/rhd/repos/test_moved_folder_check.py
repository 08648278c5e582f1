from __future__ import annotations

import threading
from pathlib import Path

import pytest
import trio

from rhd.repos import moved_folder_check
from rhd.repos.moved_folder_check import MovedFolderCheck
from rhd.repos.repo_service import RepoService
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms
from tests.support.waiting import until


async def test_a_folder_that_nothing_reported_gone_is_found(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "above" / "project")
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        check = MovedFolderCheck(lambda: rooms.services)
        await check.visit()
        assert service.state == "ok"
        (tmp_path / "above").rename(tmp_path / "elsewhere")
        await check.visit()
        await until(lambda: service.state == "detached")


async def test_one_that_hangs_keeps_no_other_from_being_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved_folder_check, "WITHIN_S", 0.1)
    go_on, asked = threading.Event(), list[str]()

    def is_attached(service: RepoService) -> bool:
        asked.append(service.repo.slug)
        if service.repo.slug == "r0":
            go_on.wait(60)
        return True

    async with running_rooms(tmp_path / "db") as rooms:
        for number in range(3):
            await rooms.adopt(Repository.make(tmp_path / f"r{number}"))
        monkeypatch.setattr(RepoService, "is_attached", is_attached)
        check = MovedFolderCheck(lambda: rooms.services)
        with trio.fail_after(10):
            await check.visit()
            assert asked == ["r0"]
            await check.visit()
            await check.visit()
            assert asked == ["r0", "r1", "r2", "r1", "r2"]
            go_on.set()
            await until(lambda: all(visit.call.done.is_set() for visit in check._hanging))
            await check.visit()
        assert asked[-3:] == ["r0", "r1", "r2"]
