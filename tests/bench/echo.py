"""The bare SDK: its low-level server with one tool that returns what it is told, behind its own HTTP stack.

No authorization, no file, no audit. What stands beside our figures. Run with a port, or `stdio`.
"""

from __future__ import annotations

import sys
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
OUTPUT = {"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]}
TOOL = types.Tool(name="echo", description="Returns the text.", input_schema=SCHEMA, output_schema=OUTPUT)


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[TOOL])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    text = str((params.arguments or {})["text"])
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content={"content": text}
    )


def make_server() -> Server[Any]:
    """Return the server."""
    return Server("echo", version="1", on_list_tools=list_tools, on_call_tool=call_tool)


def main() -> None:
    """Serve until killed."""
    if sys.argv[1] == "stdio":
        import anyio
        from mcp.server.stdio import stdio_server

        async def run() -> None:
            server = make_server()
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())

        anyio.run(run)
        return

    from contextlib import asynccontextmanager

    import uvicorn
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(make_server())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        async with manager.run():
            yield

    app = Starlette(routes=[Mount("/mcp", manager.handle_request)], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
