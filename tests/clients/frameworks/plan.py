"""What each framework is told to do: start a server, convert its tools, call some; run with that framework's Python."""

from __future__ import annotations

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


async def carry_out(tools: Tools) -> None:
    """Call what the plan says, and print the tools' names and the texts. `$PRD` is the path of the first result."""
    said: list[str] = []
    for name, arguments in PLAN["calls"]:
        path = json.loads(said[0])["path"] if said else ""
        said.append(await tools[name](json.loads(json.dumps(arguments).replace("$PRD", path))))
    print(json.dumps({"tools": sorted(tools), "said": said}))
