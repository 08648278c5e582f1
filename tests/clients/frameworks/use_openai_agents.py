from __future__ import annotations

import asyncio
import json
from typing import Any

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp, MCPUtil
from agents.tool_context import ToolContext
from plan import ARGUMENTS, COMMAND, ENVIRONMENT, HEADERS, PLAN, URL, carry_out


async def main() -> None:
    is_strict = PLAN["is_strict"]
    stdio = MCPServerStdio({"command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT})
    async with stdio if URL is None else MCPServerStreamableHttp({"url": URL, "headers": HEADERS}) as server:
        agent = Agent(name="test")
        tools = await MCPUtil.get_function_tools(server, is_strict, RunContextWrapper(None), agent)

        def calling(tool: Any) -> Any:
            async def call(arguments: dict[str, Any]) -> str:
                if is_strict:
                    assert tool.strict_json_schema
                    arguments = _filled(tool.params_json_schema, arguments)
                text = json.dumps(arguments)
                context = ToolContext(None, tool_name=tool.name, tool_call_id="1", tool_arguments=text)
                said = await tool.on_invoke_tool(context, text)
                return said if isinstance(said, str) else str(said["text"])

            return call

        await carry_out({tool.name: calling(tool) for tool in tools})


def _filled(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as a model must write them in strict mode: every property is given, blank if need be."""
    filled = {}
    for name in schema["required"]:
        known, given = schema["properties"][name], arguments.get(name)
        if known["type"] == "array" and "properties" in known["items"] and given:
            filled[name] = [_filled(known["items"], each) for each in given]
        else:
            filled[name] = given if given is not None else {"string": "", "array": [], "integer": None}[known["type"]]
    return filled


asyncio.run(main())
