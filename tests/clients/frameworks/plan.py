"""What each framework is told to do: start a server, convert its tools, call some; run with that framework's Python."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Tools = Mapping[str, Callable[[dict[str, Any]], Awaitable[str]]]
"""By name, what calls a tool with arguments and returns the text that a model would be shown."""

PLAN: dict[str, Any] = json.loads(sys.argv[1])
COMMAND: str = PLAN["command"]
ARGUMENTS: list[str] = PLAN["arguments"]
ENVIRONMENT: dict[str, str] = PLAN["environment"]
URL: str | None = PLAN["url"]
HEADERS: dict[str, str] = PLAN["headers"]


async def carry_out(tools: Tools) -> None:
    """Print the tools' names; then read calls, one a line, and print the text of each."""
    print(json.dumps(sorted(tools)), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, arguments = json.loads(line)
        try:
            said = await tools[name](arguments)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(said), flush=True)
