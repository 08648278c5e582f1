"""`rhctl stop`."""

from __future__ import annotations

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in


async def test_one_profile_or_all_of_them_are_stopped(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("start", repo=slug, profile="executor")
    answer = (await type_in("stop", "--profile", "planner", slug, "--json")).json
    assert answer == {"slug": slug, "stopped": ["planner"], "leased": [], "profiles": ["executor"]}
    outside = await type_in("stop", "--json")
    assert (outside.code, outside.refusal) == (4, "REPO_NOT_FOUND")
    monkeypatch.chdir(repository.path)
    assert (await type_in("stop")).out == f"stopped for {slug}: executor; still started: none\n"
    assert (await type_in("stop")).out == f"stopped for {slug}: nothing; still started: none\n"
    assert (await daemon.call("status"))["repos"][0]["profiles"] == []


async def test_a_leased_profile_is_said_to_go_on(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with daemon.lease(slug, "planner"):
        answer = (await type_in("stop", slug, "--json")).json
        assert answer == {"slug": slug, "stopped": [], "leased": ["planner"], "profiles": ["planner"]}
        said = await type_in("stop", slug)
        assert "repo-harness mcp serve" in said.out
    assert (await daemon.call("status"))["repos"][0]["profiles"] == []
