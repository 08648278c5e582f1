from __future__ import annotations

import asyncio
from typing import Any

from langchain_mcp_adapters.client import MultiServerMCPClient
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, URL, carry_out


async def main() -> None:
    connection: Any = {"transport": "stdio", "command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}
    if URL is not None:
        connection = {"transport": "streamable_http", "url": URL, "headers": HEADERS}
    tools = await MultiServerMCPClient({"repo_harness": connection}).get_tools()

    def calling(tool: Any) -> Any:
        async def call(arguments: dict[str, Any]) -> str:
            said = await tool.ainvoke(arguments)
            return said if isinstance(said, str) else "".join(block["text"] for block in said)

        return call

    await carry_out({tool.name: calling(tool) for tool in tools})


asyncio.run(main())
