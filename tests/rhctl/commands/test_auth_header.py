"""`rhctl auth-header`: a local client's way over HTTP, without a login."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in

PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "harness_status", "arguments": {}}}


async def ask(daemon: Running, headers: dict[str, str]) -> httpx2.Response:
    """Call a tool on the hub with these headers."""
    accepted = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{daemon.url}/mcp", json=PING, headers={**accepted, **headers})


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_the_headers_reach_that_repository_until_their_grant_is_revoked(
    daemon: Running, repository: Repository, more: tuple[str, ...]
) -> None:
    slug = await daemon.adopt(repository.path)
    headers = (await type_in("auth-header", slug, *more)).json
    assert list(headers) == ["Authorization"]
    answer = await ask(daemon, headers)
    assert answer.json()["result"]["structuredContent"]["repo"] == slug
    again = (await type_in("auth-header", slug)).json
    assert again != headers
    (found,) = (await daemon.call("clients"))["clients"]
    assert (found["name"], found["repos"]) == (f"local client ({slug})", {slug: ["planner", "executor"]})
    await daemon.call("revoke", client=found["id"])
    assert [(await ask(daemon, each)).status_code for each in (headers, again)] == [401, 401]
    assert (await daemon.call("clients"))["clients"] == []


async def test_what_the_owner_narrows_stays_narrow(daemon: Running, repository: Repository, tmp_path: object) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("auth-header", repo=slug, profile="executor")
    await type_in("auth-header", slug)
    (found,) = (await daemon.call("clients"))["clients"]
    assert found["repos"] == {slug: ["executor"]}


async def test_outside_of_a_repository_it_says_which_there_are(daemon: Running) -> None:
    said = await type_in("auth-header", "--json")
    assert (said.code, said.refusal) == (4, "REPO_NOT_FOUND")
