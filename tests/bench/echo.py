"""The bare SDK on our serving: its low-level server and its own session manager; no authorization, no file, no audit.

What stands beside our figures: at `/mcp` one tool that returns what it is told, at `/tools` the list of the hub's
tools, at `/streams` what listens. Run with a port, and with a folder of repositories whose changes streams are told of.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import mcp_types as types
import trio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import ResourceUpdated

from rhd.asgi import Receive, Scope, Send
from rhd.mcpserver.tools.tool_table import described_tools
from rhd.watch import inotify_calls as inotify
from rhd.web.serving import serve
from tests.bench.measured_daemon import PRD

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


async def tell(bus: InMemorySubscriptionBus, repositories: Path) -> None:
    """Tell streams which repository's artifact was replaced, once a thread has listed its folder and read it."""
    instance, watched = inotify.open_instance(), {}
    for path in sorted(repositories.glob("r*")):
        folder = os.open((path / PRD).parent, os.O_RDONLY)
        watched[inotify.add_watch(instance, folder, inotify.MOVED_TO)] = path
        os.close(folder)
    while True:
        await trio.lowlevel.wait_readable(instance)
        for number, _ in inotify.parse_events(os.read(instance, 1 << 14)):
            path = watched[number]

            def look(path: Path = path) -> None:
                os.listdir((path / PRD).parent)
                (path / PRD).read_bytes()

            await trio.to_thread.run_sync(look)
            await bus.publish(ResourceUpdated(f"repo-harness://{path.name}/{PRD}"))


async def run(port: int, *repositories: str) -> None:
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
    async with echo.run(), tools.run(), streams.run(), trio.open_nursery() as nursery:
        for path in repositories:
            nursery.start_soon(tell, bus, Path(path))
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        await serve(app, listeners, stop=trio.Event())


if __name__ == "__main__":
    trio.run(run, int(sys.argv[1]), *sys.argv[2:])
