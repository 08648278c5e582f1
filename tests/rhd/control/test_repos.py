"""`repos` on the socket."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_list_is_sorted_by_slug_and_complete(daemon: Running, tmp_path: Path) -> None:
    assert await daemon.call("repos") == {"repos": []}
    for name in ("b", "a", "c"):
        await daemon.adopt(Repository.make(tmp_path / name).path)
    repos = (await daemon.call("repos"))["repos"]
    assert [repo["slug"] for repo in repos] == ["a", "b", "c"]
    for repo in repos:
        assert set(repo) == {"slug", "name", "id", "path", "adopted_at"}
        assert repo["path"] == str(tmp_path / repo["name"])
        assert repo["id"] == daemon.service(repo["slug"]).repo.id
        assert repo["adopted_at"].endswith("Z")
