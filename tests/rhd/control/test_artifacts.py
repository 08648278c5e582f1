"""`artifacts` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_paths_are_those_of_the_catalog(daemon: Running, repository: Repository) -> None:
    repository.write("plans/prds/a.prd.md", "# A\n")
    slug = await daemon.adopt(repository.path)
    found = await daemon.call("artifacts", path=str(repository.path))
    assert found["slug"] == slug
    assert "plans/prds/a.prd.md" in found["paths"]
    assert (await daemon.refusal("artifacts", repo="nothing")).code == "REPO_NOT_FOUND"
