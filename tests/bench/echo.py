"""The bare SDK on our serving: its low-level server and its own session manager; no authorization, no file, no audit.

What stands beside our figures: at `/mcp` one tool that returns what it is told, at `/tools` the list of the hub's
tools, at `/streams` what listens. Run with a port.
"""

from __future__ import annotations

import sys
from typing import Any

import mcp_types as types
import trio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from rhd.asgi import Receive, Scope, Send
from rhd.mcpserver.tools.tool_table import described_tools
from rhd.web.serving import serve

TOOLS = [types.Tool.model_validate(tool) for tool in described_tools(frozenset({"planner", "executor"}), True)]


ECHO = types.Tool(
    name="echo",
    description="Returns the text.",
    input_schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    output_schema={"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]},
)


async def list_echo(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[ECHO])


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    text = str((params.arguments or {})["text"])
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content={"content": text}
    )


async def run(port: int) -> None:
    """Serve until killed."""
    echo = StreamableHTTPSessionManager(Server("echo", version="1", on_list_tools=list_echo, on_call_tool=call_tool))
    bus = InMemorySubscriptionBus()
    listening: Server[Any] = Server(
        "echo", version="1", on_subscriptions_listen=ListenHandler(bus, max_subscriptions=2000)
    )
    streams = StreamableHTTPSessionManager(listening)
    tools = StreamableHTTPSessionManager(Server("tools", version="1", on_list_tools=list_tools))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await managers[scope["path"]].handle_request(scope, receive, send)

    managers = {"/mcp": echo, "/tools": tools, "/streams": streams}
    async with echo.run(), tools.run(), streams.run():
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        await serve(app, listeners, stop=trio.Event())


if __name__ == "__main__":
    trio.run(run, int(sys.argv[1]))
