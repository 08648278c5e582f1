from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams, StreamableHTTPConnectionParams
from mcp import StdioServerParameters
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, URL, carry_out


async def main() -> None:
    parameters = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    stdio = StdioConnectionParams(server_params=parameters, timeout=60)
    http = StreamableHTTPConnectionParams(url=URL or "", headers=HEADERS, timeout=60)
    toolset = McpToolset(connection_params=stdio if URL is None else http)
    tools = await toolset.get_tools()

    def calling(tool: Any) -> Any:
        async def call(arguments: dict[str, Any]) -> str:
            assert tool._get_declaration().name == tool.name
            said = await tool._run_async_impl(args=arguments, tool_context=SimpleNamespace(), credential=None)
            return str(said["content"][0]["text"])

        return call

    await carry_out({tool.name: calling(tool) for tool in tools})
    await toolset.close()


asyncio.run(main())
