"""`clients` on the socket."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_a_client_whose_last_repository_is_gone_is_listed_until_it_is_revoked(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await daemon.call("forget", repo=slug)
    (client,) = (await daemon.call("clients"))["clients"]
    assert (client["name"], client["resource"], client["repos"]) == ("ChatGPT", None, {})
    await daemon.call("revoke", client=client["id"])
    assert (await daemon.call("clients"))["clients"] == []


async def test_a_login_for_one_repository_shows_its_slug_and_not_its_id(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    await daemon.adopt(Repository.make(tmp_path / "other").path)
    slug = await daemon.adopt(repository.path)
    await daemon.call("approve", code=daemon.begin_login(resource=slug), confirm=True)
    (client,) = (await daemon.call("clients", repo=slug))["clients"]
    assert (client["resource"], client["repos"]) == (slug, {slug: ["planner"]})
    assert (await daemon.call("clients", repo="other"))["clients"] == []
    assert (await daemon.refusal("clients", repo="nothing")).code == "REPO_NOT_FOUND"
