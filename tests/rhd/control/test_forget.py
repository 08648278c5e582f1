"""`forget` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_what_was_forgotten_is_out_of_every_list_and_can_be_adopted_again(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    assert await daemon.call("forget", repo=slug) == {"slug": slug, "path": str(repository.path), "clients": 1}
    assert (await daemon.call("repos"))["repos"] == []
    assert (await daemon.call("status"))["repos"] == []
    assert (await daemon.refusal("forget", repo=slug)).code == "REPO_NOT_FOUND"
    rows = [row.action for row in await daemon.audited()]
    assert rows.count("repo.forget") == 1
    assert await daemon.adopt(repository.path)


async def test_nothing_is_forgotten_by_an_empty_request(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    assert (await daemon.refusal("forget")).code == "REPO_NOT_FOUND"
    assert len((await daemon.call("repos"))["repos"]) == 1
