"""`runs` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_without_runs_the_list_is_empty(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert await daemon.call("runs") == {"runs": []}
    assert await daemon.call("runs", repo=slug) == {"runs": []}


async def test_what_cannot_be_listed_is_refused(daemon: Running) -> None:
    assert (await daemon.refusal("runs", repo="nothing")).code == "REPO_NOT_FOUND"
    assert (await daemon.refusal("runs", count=0)).code == "INVALID_ARGUMENT"
