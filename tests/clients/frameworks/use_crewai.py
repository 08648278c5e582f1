from __future__ import annotations

import asyncio
from typing import Any

from crewai.mcp import MCPServerHTTP, MCPServerStdio
from crewai.mcp.tool_resolver import MCPToolResolver
from crewai.utilities.logger import Logger
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, URL, carry_out


def main() -> None:
    resolver = MCPToolResolver(agent=None, logger=Logger())
    stdio = MCPServerStdio(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    server = stdio if URL is None else MCPServerHTTP(url=URL, headers=HEADERS)
    tools = {tool.original_tool_name: tool for tool in resolver.resolve([server])}  # type: ignore[attr-defined]

    def calling(tool: Any) -> Any:
        async def call(arguments: dict[str, Any]) -> str:
            # As an agent does: what the model left out is sent as null.
            given = tool.args_schema.model_validate(arguments).model_dump()
            return str(await asyncio.to_thread(tool.run, **given))

        return call

    asyncio.run(carry_out({name: calling(tool) for name, tool in tools.items()}))
    resolver.cleanup()


main()
