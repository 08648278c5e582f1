from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, URL, carry_out


async def main() -> None:
    stdio = StdioTransport(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with Client(stdio if URL is None else StreamableHttpTransport(URL, headers=HEADERS)) as client:
        names = [tool.name for tool in await client.list_tools()]

        def calling(name: str) -> Any:
            async def call(arguments: dict[str, Any]) -> str:
                said: Any = await client.call_tool(name, arguments)
                return str(said.content[0].text)

            return call

        await carry_out({name: calling(name) for name in names})


asyncio.run(main())
