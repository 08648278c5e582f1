"""`revoke` on the socket."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_one_repository_or_everything_ends_and_that_is_noted(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one = await daemon.adopt(repository.path)
    two = await daemon.adopt(Repository.make(tmp_path / "two").path)
    grant = await daemon.connect_client(one, two)
    done = await daemon.call("revoke", client=grant, repo=two)
    assert (done["client"], done["slug"], [each["id"] for each in done["grants"]]) == (grant, two, [grant])
    assert (await daemon.call("clients"))["clients"][0]["repos"] == {one: ["planner"]}
    assert (await daemon.call("revoke", client=grant))["slug"] is None
    assert (await daemon.call("clients"))["clients"] == []
    assert [row.action for row in await daemon.audited()][-2:] == ["grant.narrow", "grant.end"]


async def test_a_path_alone_revokes_everything_and_a_wrong_repository_nothing(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    assert (await daemon.refusal("revoke", client="ChatGPT", repo="nothing")).code == "REPO_NOT_FOUND"
    assert len((await daemon.call("clients"))["clients"]) == 1
    assert (await daemon.call("revoke", client="ChatGPT", path=str(repository.path)))["slug"] is None
