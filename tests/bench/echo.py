"""The bare SDK on our serving: its low-level server and its own session manager, one tool that returns what it is told.

No authorization, no file, no audit: what stands beside our figures. It lists the same tools as the hub does, so that
its list costs what theirs must. Run with a port.
"""

from __future__ import annotations

import sys
from typing import Any

import mcp_types as types
import trio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from rhd.endpoint.tools.table import described_tools
from rhd.web.serving import serve

TOOLS = [types.Tool.model_validate(tool) for tool in described_tools(frozenset({"planner", "executor"}), True)]


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    text = str((params.arguments or {})["text"])
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content={"content": text}
    )


async def run(port: int) -> None:
    """Serve until killed."""
    server: Server[Any] = Server("echo", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    manager = StreamableHTTPSessionManager(server)
    async with manager.run():
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        await serve(manager.handle_request, listeners, stop=trio.Event())


if __name__ == "__main__":
    trio.run(run, int(sys.argv[1]))
