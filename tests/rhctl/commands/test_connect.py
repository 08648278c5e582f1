"""`rhctl connect`: MCP on standard input and output, and nothing else on the latter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import finish, run, spawned, type_in

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "agent", "version": "0"},
}


async def say(process: trio.Process, id_: int | None, method: str, params: Any = None) -> None:
    """Send one message to an agent's server."""
    message = {"jsonrpc": "2.0", "method": method, "params": params or {}} | ({"id": id_} if id_ else {})
    assert process.stdin is not None
    await process.stdin.send_all(json.dumps(message).encode() + b"\n")


async def hear(process: trio.Process) -> Any:
    """Return its next message."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        data = await process.stdout.receive_some(1 << 16)
        assert data, "the bridge ended"
        line += data
    return json.loads(line)


async def test_an_agent_is_served_the_repository_it_was_started_in_until_it_leaves(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with spawned("connect", cwd=repository.path / "plans") as agent:
        await say(agent, 1, "initialize", INITIALIZE)
        assert (await hear(agent))["result"]["capabilities"]["tools"] is not None
        await say(agent, None, "notifications/initialized")
        assert (await daemon.call("status", repo=slug))["repos"][0]["clients"] == 1
        await say(agent, 2, "tools/list")
        names = {tool["name"] for tool in (await hear(agent))["result"]["tools"]}
        assert {"write_prd_from_idea", "append_handoff_note"} <= names
        await say(agent, 3, "tools/call", {"name": "harness_status", "arguments": {}})
        said = await finish(agent)  # what was asked before it left is still answered
        assert json.loads(said.out)["id"] == 3
        assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize(("profile", "has_it"), [("planner", True), ("executor", False)])
async def test_a_named_profile_is_all_that_is_served(
    daemon: Running, repository: Repository, profile: str, has_it: bool
) -> None:
    await daemon.adopt(repository.path)
    async with spawned("connect", "--repo", "project", "--profile", profile) as agent:
        await say(agent, 1, "initialize", INITIALIZE)
        await hear(agent)
        await say(agent, None, "notifications/initialized")
        await say(agent, 2, "tools/list")
        names = {tool["name"] for tool in (await hear(agent))["result"]["tools"]}
        assert ("write_prd_from_idea" in names) is has_it


async def test_the_daemon_s_end_is_the_agent_s_server_s_with_a_word_why(
    daemon: Running, repository: Repository
) -> None:
    await daemon.adopt(repository.path)
    async with spawned("connect", "--repo", "project") as agent:
        await say(agent, 1, "initialize", INITIALIZE)
        await hear(agent)
        daemon.context.stop.set()
        assert agent.stderr is not None
        said = b""
        async for data in agent.stderr:
            said += data
        assert said.startswith(b"rhctl: the daemon closed the connection\n")
        assert await agent.wait() == 1


async def test_a_refusal_is_told_on_stderr_so_that_no_agent_reads_it_as_mcp(
    daemon: Running, repository: Repository
) -> None:
    said = await type_in("connect")
    assert (said.code, said.out) == (4, "")
    assert "rhctl adopt" in said.err
    said = await type_in("connect", "--repo", "project/plans")
    assert (said.code, said.out) == (4, "")
    assert f"rhctl adopt {repository.path}" in said.err


def test_no_daemon_is_started_if_that_is_not_wanted(no_daemon: Path) -> None:
    said = run("connect", "--no-start")
    assert (said.code, said.out) == (3, "")
    assert not no_daemon.exists()
