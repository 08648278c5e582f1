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
    assert (row.action, row.profile, row.principal) == ("profile.start", "executor", "owner")


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


ORCHESTRATOR = {"profile": "orchestrator", "enable_dev_runner": True}


async def test_agent_runs_are_enabled_with_the_orchestrator_and_end_with_it(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    done = await daemon.call("start", repo=slug, **ORCHESTRATOR)
    assert {**done["agent_runs"], "since": "", "permissions": list(done["agent_runs"]["permissions"])} == {
        "agents": ["codex"],
        "permissions": ["codex"],
        "allow": [],
        "since": "",
        "leased": False,
    }
    allow = ["Bash(pytest *)", "Bash(pytest *)"]
    more = await daemon.call("start", repo=slug, **ORCHESTRATOR, dev_runner_agents=" claude , codex", allow=allow)
    assert (more["agent_runs"]["agents"], more["agent_runs"]["allow"]) == (["claude", "codex"], allow[:1])
    assert more["agent_runs"]["since"] == done["agent_runs"]["since"], "they have been enabled all the while"
    (repo,) = (await daemon.call("status"))["repos"]
    assert repo["agent_runs"] == more["agent_runs"]
    await daemon.call("stop", repo=slug, profile="orchestrator")
    (repo,) = (await daemon.call("status"))["repos"]
    assert (repo["agent_runs"], repo["profiles"]) == (None, ["planner"])


async def test_a_grant_from_before_is_dormant_until_the_owner_makes_it_live(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("start", repo=slug, **ORCHESTRATOR)
    grant = await daemon.connect_client(slug, profiles=["planner", "orchestrator"])
    repo_id = daemon.service(slug).repo.id

    def may() -> bool:
        principal = daemon.context.authority.principal(grant)
        return principal is not None and principal.may(repo_id, "orchestrator")

    assert may()
    await daemon.call("stop", repo=slug, profile="orchestrator")
    assert not may()
    done = await daemon.call("start", repo=slug, **ORCHESTRATOR)
    assert [each["id"] for each in done["dormant"]] == [grant]
    assert not may()
    await daemon.call("grant", client=grant, repo=slug, profile="orchestrator")
    assert may()
    assert (await daemon.call("start", repo=slug, **ORCHESTRATOR))["dormant"] == []


async def test_agent_runs_that_are_leased_are_not_enabled_for_good(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "start", {"repo": slug, **ORCHESTRATOR, "lease": True}).encode())
        assert (await read_line(stream))["params"]["agent_runs"]["leased"] is True
        assert await profiles(daemon) == ["planner", "orchestrator"]
        assert (await daemon.refusal("start", repo=slug, profile="orchestrator")).code == "DEV_RUNNER_DISABLED"


@pytest.mark.parametrize("rule", ["", "--dangerously-skip-permissions", "Bash(a\nb)", 5, "x" * 400])
async def test_a_rule_that_is_none_is_refused(daemon: Running, repository: Repository, rule: object) -> None:
    slug = await daemon.adopt(repository.path)
    refused = await daemon.refusal("start", repo=slug, **ORCHESTRATOR, dev_runner_agents="claude", allow=[rule])
    assert refused.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("params", [{"profile": "orchestrator"}, {"enable_dev_runner": True}, {"profile": "root"}])
async def test_what_cannot_be_started_starts_nothing(
    daemon: Running, repository: Repository, params: dict[str, object]
) -> None:
    slug = await daemon.adopt(repository.path)
    for more in ({}, {"lease": True}):
        refused = await daemon.refusal("start", repo=slug, **params, **more)
        assert refused.code in ("DEV_RUNNER_DISABLED", "INVALID_ARGUMENT")
    assert await profiles(daemon) == ["planner"]
