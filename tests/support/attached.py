"""The official client on the control socket, as the bridge would connect it, in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client

from rhd.mcpserver.line_framing import line_streams
from rhd.mcpserver.tool_calls import ERROR_KEY
from rhwire.messages import Request
from tests.support.inprocess import Running


@asynccontextmanager
async def _transport(daemon: Running, params: dict[str, Any]) -> AsyncIterator[tuple[Any, Any]]:
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "attach", params).encode())
        line = b""
        while not line.endswith(b"\n"):
            line += await stream.receive_some(1)
        answer = json.loads(line)
        assert "result" in answer, answer
        async with line_streams(stream) as streams:
            yield streams


@asynccontextmanager
async def attached(
    daemon: Running,
    slug: str,
    *,
    profile: str | None = None,
    label: str | None = None,
    mode: str = "2026-07-28",
    **options: Any,
) -> AsyncIterator[Client]:
    """Yield the official client, speaking MCP to a repository as its owner."""
    params = {"repo": slug, "profile": profile, "label": label}
    async with Client(_transport(daemon, params), mode=mode, cache=None, **options) as client:
        yield client


def told(result: Any) -> dict[str, Any]:
    """Return what a tool result says, or the error that it tells; both have the form that every client can read."""
    (block,) = result.content
    if not result.is_error:
        said: dict[str, Any] = result.structured_content
        assert block.text == json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return said
    assert result.structured_content is None
    error: dict[str, Any] = result.meta[ERROR_KEY]
    assert {"code", "message", "next_step"} <= set(error) <= {"code", "message", "next_step", "details"}
    assert block.text == f"{error['code']}: {error['message']}\nNext: {error['next_step']}"
    return error
