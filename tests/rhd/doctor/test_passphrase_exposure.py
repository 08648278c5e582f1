"""The doctor finds a passphrase that could be committed, and rotating it cures that."""

from __future__ import annotations

from pathlib import Path

from rhd.doctor.passphrase_exposure import examine_copy
from rhwire.findings import ERROR, OK, WARNING
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms


async def test_each_exposure_is_found_with_its_cure(tmp_path: Path, repository: Repository) -> None:
    folder = repository.path / ".repo-harness"
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))

        async def status() -> tuple[str, str]:
            found = await examine_copy(service)
            assert found is not None
            assert (found.check, found.repo) == ("passphrase", "project")
            return found.status, found.next_step or ""

        assert await status() == (OK, "")
        folder.chmod(0o755)
        assert (await status())[0] == WARNING
        (folder / ".gitignore").write_text("")
        told = await status()
        assert (told[0], "rhctl passphrase rotate project" in told[1]) == (ERROR, True)
        repository.git("add", "-f", ".repo-harness/mcp.oauth.json")
        told = await status()
        assert (told[0], "git rm --cached" in told[1]) == (ERROR, True)


async def test_a_repository_that_cannot_be_read_has_no_such_finding(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        repository.path.rename(tmp_path / "away")
        assert await examine_copy(service) is None
