"""`setup` on the socket: what a client's configuration is made from."""

from __future__ import annotations

from tests.support.attached import attached
from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_facts_of_a_repository(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    facts = await daemon.call("setup", repo=slug, profile="planner")
    tools = facts.pop("tools")
    assert facts == {
        "slug": slug,
        "name": "project",
        "path": str(repository.path),
        "profile": "planner",
        "url": f"{daemon.url}/r/{slug}/mcp",
        "hub_url": f"{daemon.url}/mcp",
        "endpoint": None,
        "passphrase_file": ".repo-harness/mcp.oauth.json",
        "profiles": ["planner"],
        "problem": None,
    }
    await daemon.call("endpoint", url="https://rh.example.com/mcp")
    assert (await daemon.call("setup", repo=slug))["endpoint"] == "https://rh.example.com/mcp"
    async with attached(daemon, slug, profile="planner") as client:  # exactly what such a client is then served
        assert tools == [tool.name for tool in (await client.list_tools()).tools]


async def test_executor_is_meant_unless_told_and_unknown_ones_are_refused(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await daemon.call("setup", repo=slug))["profile"] == "executor"
    assert (await daemon.refusal("setup", repo=slug, profile="root")).code == "INVALID_ARGUMENT"
    assert (await daemon.refusal("setup", repo="nothing")).code == "REPO_NOT_FOUND"
