"""`adopt` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_repository_around_a_path_is_registered_served_and_noted(
    daemon: Running, repository: Repository
) -> None:
    done = await daemon.call("adopt", path=f"{repository.path}/plans/prds")
    assert (done["outcome"], done["path"], done["dry_run"]) == ("adopted", str(repository.path), False)
    assert daemon.service(done["slug"]).repo.id == done["id"]
    (row,) = await daemon.audited()
    assert (row.principal, row.action, row.outcome, row.repo_id) == ("owner", "repo.adopt", "ok", done["id"])


async def test_a_dry_run_registers_and_notes_nothing(daemon: Running, repository: Repository) -> None:
    done = await daemon.call("adopt", path=str(repository.path), dry_run=True)
    assert (done["slug"], done["id"], done["url"]) == (None, None, None)
    assert ".repo-harness/mcp.oauth.json" in done["created"]
    assert not (repository.path / ".repo-harness").exists()
    assert await daemon.audited() == []


async def test_a_relative_path_is_refused_since_the_daemon_has_a_folder_of_its_own(daemon: Running) -> None:
    for path in ("project", "", "~/project", "./"):
        assert (await daemon.refusal("adopt", path=path)).code == "INVALID_ARGUMENT"


async def test_the_public_address_is_told_once_there_is_one(daemon: Running, repository: Repository) -> None:
    assert (await daemon.call("adopt", path=str(repository.path)))["public_url"] is None
    await daemon.call("endpoint", url="https://rh.example.com/mcp")
    assert (await daemon.call("adopt", path=str(repository.path)))["public_url"] == "https://rh.example.com"
