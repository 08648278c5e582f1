"""The official client on the control socket, as the bridge would connect it, in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client

from rhd.mcpserver.line_framing import line_streams
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
    daemon: Running, slug: str, *, profile: str | None = None, mode: str = "2026-07-28", **options: Any
) -> AsyncIterator[Client]:
    """Yield the official client, speaking MCP to a repository as its owner."""
    params = {"repo": slug} | ({"profile": profile} if profile else {})
    async with Client(_transport(daemon, params), mode=mode, cache=None, **options) as client:
        yield client


def told(result: Any) -> dict[str, Any]:
    """Return a tool result's structure, which must be the same as its text; or the error that it tells."""
    (block,) = result.content
    said: dict[str, Any] = json.loads(block.text)
    if result.is_error:
        assert result.structured_content is None
        assert set(said) == {"error"}
        assert {"code", "message", "next_step"} <= set(said["error"])
        return dict(said["error"])
    assert result.structured_content == said
    return said
