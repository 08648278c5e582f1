"""mcp-remote, which many clients put before servers that they cannot log in to themselves."""

from __future__ import annotations

import json
from typing import Any

import trio
from mcp import Client, StdioServerParameters

from tests.clients.client_home import Seat
from tests.promises.test_chain import PLANNER_TOOLS


async def test_mcp_remote_logs_in_and_carries_a_client_that_speaks_stdio(seat: Seat, kept_to_loopback: None) -> None:
    seat.variables["MCP_REMOTE_CONFIG_DIR"] = str(seat.home / "mcp-remote")
    async with seat.running(seat.programs.program("mcp-remote-client"), seat.url) as first:
        await seat.answer_login(first)
        await first.until("Connected successfully")
    proxy = StdioServerParameters(command=str(seat.programs.program("mcp-remote")), args=[seat.url], env=seat.env)
    with trio.fail_after(60):
        async with Client(proxy, mode="legacy", cache=None) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == PLANNER_TOOLS
            read: Any = await client.call_tool("read_workflow_file", {"path": "docs/spec.md"})
            assert json.loads(read.content[0].text)["content"] == seat.repository.read("docs/spec.md")
