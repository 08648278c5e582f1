"""Each finding about a repository's own files is provoked, and what it says to do ends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rhd.doctor.repository_files import examine_files
from rhd.repos.passphrase_copy import write_copy
from rhd.repos.repo_service import RepoService
from tests.support.repositories import Repository
from tests.support.running_repos import Rooms, running_rooms


async def told(rooms: Rooms, service: RepoService) -> dict[str, str]:
    """Return what the owner is told to do, by finding."""
    found = [finding.to_json() for finding in await examine_files(service, rooms.registry.get(service.repo.id))]
    assert {each["repo"] for each in found} <= {"project"}
    return {each["id"]: each["next_step"] for each in found}


async def rotate(rooms: Rooms, service: RepoService) -> None:
    """Do what `rhctl passphrase rotate` does."""
    assert (
        await write_copy(rooms.services, service.repo.id, await rooms.registry.rotate_passphrase(service.repo.id))
        is None
    )


async def test_each_exposure_of_the_passphrase_is_found_and_cured(tmp_path: Path, repository: Repository) -> None:
    folder, copy = repository.path / ".repo-harness", repository.path / ".repo-harness/mcp.oauth.json"
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        await rotate(rooms, service)
        assert list(await told(rooms, service)) == ["passphrase.ok"]
        steps: list[tuple[str, Callable[[], object]]] = [
            ("passphrase.open", lambda: folder.chmod(0o755)),
            ("passphrase.not_ignored", lambda: (folder / ".gitignore").write_text("")),
            ("passphrase.differs", lambda: copy.write_text(json.dumps({"passphrase": "another"}))),
            ("passphrase.differs", lambda: copy.write_text("no JSON")),
            ("passphrase.differs", copy.unlink),
        ]
        for name, provoke in steps:
            provoke()
            assert "rhctl passphrase rotate project" in (await told(rooms, service))[name]
            await rotate(rooms, service)
            assert list(await told(rooms, service)) == ["passphrase.ok"], name
        repository.git("add", "-f", ".repo-harness/mcp.oauth.json")
        assert "git rm --cached -r .repo-harness" in (await told(rooms, service))["passphrase.tracked"]
        repository.git("rm", "-q", "--cached", "-r", ".repo-harness")
        await rotate(rooms, service)
        assert list(await told(rooms, service)) == ["passphrase.ok"]


async def test_an_id_that_was_removed_is_found_and_adopting_again_puts_it_back(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        shutil.rmtree(repository.path / ".repo-harness")
        found = await told(rooms, service)
        assert found["repository.id_removed"] == f"Run: rhctl adopt {repository.path}"
        service = rooms.service(await rooms.adopt(repository))
        assert "repository.id_removed" not in await told(rooms, service)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_folders_that_cannot_be_written_are_found(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        (repository.path / "plans").chmod(0o500)
        assert "chmod -R u+w plans" in (await told(rooms, service))["repository.unwritable"]
        subprocess.run("chmod -R u+w plans tasks .ai", shell=True, check=True, cwd=repository.path)
        assert "repository.unwritable" not in await told(rooms, service)


async def test_a_system_that_refuses_writing_is_found(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        with monkeypatch.context() as patch:
            patch.setattr("rhd.workflow.root.os.access", lambda *_, **__: False)
            assert "repository.unwritable" in await told(rooms, service)
        assert "repository.unwritable" not in await told(rooms, service)


async def test_a_repository_that_cannot_be_read_has_no_such_finding(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        repository.path.rename(tmp_path / "away")
        assert await examine_files(service, service.repo) == []
