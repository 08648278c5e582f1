from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, PLAN, URL, carry_out


async def main() -> None:
    parameters = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with httpx2.AsyncClient(headers=HEADERS, timeout=60) as http:
        place: Any = parameters if URL is None else streamable_http_client(URL, http_client=http)
        async with Client(place, mode=PLAN["mode"], cache=None) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]

            def calling(name: str) -> Any:
                async def call(arguments: dict[str, Any]) -> str:
                    said: Any = await client.call_tool(name, arguments)
                    return str(said.content[0].text)

                return call

            await carry_out({name: calling(name) for name in names})


asyncio.run(main())
