"""`grant` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_a_grant_is_widened_and_that_is_noted(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    grant = await daemon.connect_client(slug)
    done = await daemon.call("grant", client="chatgpt", repo=slug, profile="executor")
    (widened,) = done.pop("grants")
    assert (widened["id"], widened["client"]) == (grant, "ChatGPT")
    assert done == {"client": "chatgpt", "slug": slug, "profile": "executor", "started": False}
    done = await daemon.call("grant", client="chatgpt", repo=slug, profile="planner")
    assert done["started"] is True
    (client,) = (await daemon.call("clients"))["clients"]
    assert (client["id"], client["repos"]) == (grant, {slug: ["planner", "executor"]})
    assert [row.action for row in await daemon.audited()][-1] == "grant.widen"


async def test_what_cannot_be_granted_changes_nothing(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    for params, code in (
        ({"client": "Nobody", "repo": slug, "profile": "executor"}, "CLIENT_NOT_FOUND"),
        ({"client": "ChatGPT", "repo": slug, "profile": "root"}, "INVALID_ARGUMENT"),
        ({"client": "ChatGPT", "repo": "nothing", "profile": "executor"}, "REPO_NOT_FOUND"),
        ({"client": "ChatGPT", "repo": slug}, "INVALID_ARGUMENT"),
        ({"client": "ChatGPT", "repo": slug, "profile": "orchestrator"}, "DEV_RUNNER_DISABLED"),
    ):
        assert (await daemon.refusal("grant", **params)).code == code
    (client,) = (await daemon.call("clients"))["clients"]
    assert client["repos"] == {slug: ["planner"]}


async def test_orchestrator_is_granted_where_agent_runs_are_enabled(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await daemon.call("start", repo=slug, profile="orchestrator", enable_dev_runner=True)
    done = await daemon.call("grant", client="ChatGPT", repo=slug, profile="orchestrator")
    assert done["started"] is True
    (client,) = (await daemon.call("clients"))["clients"]
    assert client["repos"] == {slug: ["planner", "orchestrator"]}
