"""`start` on the socket: for good, or for as long as a connection lasts."""

from __future__ import annotations

import pytest

from rhwire.messages import Request
from tests.support.inprocess import Running, read_line
from tests.support.repositories import Repository


async def profiles(daemon: Running) -> list[str]:
    """Return what is started for the only repository."""
    (repo,) = (await daemon.call("status"))["repos"]
    return list(repo["profiles"])


async def test_what_is_started_stays_and_is_noted(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    done = await daemon.call("start", repo=slug, profile="executor")
    assert (done["profile"], done["leased"]) == ("executor", False)
    assert await profiles(daemon) == ["planner", "executor"]
    row = (await daemon.audited())[-1]
    assert (row.action, row.profile, row.principal) == ("start", "executor", "owner")


async def test_a_lease_lasts_as_long_as_its_connection(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with daemon.lease(slug, "executor"):
        assert await profiles(daemon) == ["planner", "executor"]
        async with daemon.lease(slug, "executor"):  # each holds it
            pass
        assert await profiles(daemon) == ["planner", "executor"]
    assert await profiles(daemon) == ["planner"]


async def test_what_a_leasing_client_still_sends_changes_nothing(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "start", {"repo": slug, "profile": "executor", "lease": True}).encode())
        assert (await read_line(stream))["params"]["leased"] is True
        await stream.send_all(Request(2, "forget", {"repo": slug}).encode())
        assert await profiles(daemon) == ["planner", "executor"]


@pytest.mark.parametrize("params", [{"profile": "orchestrator"}, {"enable_dev_runner": True}, {"profile": "root"}])
async def test_what_cannot_be_started_starts_nothing(
    daemon: Running, repository: Repository, params: dict[str, object]
) -> None:
    slug = await daemon.adopt(repository.path)
    for more in ({}, {"lease": True}):
        refused = await daemon.refusal("start", repo=slug, **params, **more)
        assert refused.code in ("DEV_RUNNER_DISABLED", "INVALID_ARGUMENT")
    assert await profiles(daemon) == ["planner"]
