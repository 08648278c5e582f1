from __future__ import annotations

import asyncio
from typing import Any

import httpx
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, URL, carry_out


async def main() -> None:
    parameters = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with httpx.AsyncClient(headers=HEADERS, timeout=60) as http:
        place: Any = stdio_client(parameters) if URL is None else streamable_http_client(URL, http_client=http)
        async with place as (read, write, *_), ClientSession(read, write) as session:
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]

            def calling(name: str) -> Any:
                async def call(arguments: dict[str, Any]) -> str:
                    return str((await session.call_tool(name, arguments)).content[0].text)

                return call

            await carry_out({name: calling(name) for name in names})


asyncio.run(main())
