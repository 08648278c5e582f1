"""`codex app-server`: Codex's own MCP client, driven over JSON lines, without a model and without an account."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.clients.seat import Seat


class AppServer:
    """A running app server with one thread in a folder."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._rest = b""
        self.thread = ""
        self.notes: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> Any:
        """Return the result of a method; notifications that come before it are in `notes`."""
        number = next(self._numbers)
        await self._send({"id": number, "method": method, "params": params})
        while True:
            message = await self._read()
            if message.get("id") == number and "method" not in message:
                assert "result" in message, message
                return message["result"]
            self.notes.append(message)

    async def begin(self, cwd: Path) -> None:
        """Introduce ourselves and start a thread in a folder."""
        info = {"name": "repo-harness-tests", "title": "tests", "version": "0"}
        await self.call("initialize", clientInfo=info, capabilities={"experimentalApi": True})
        await self._send({"method": "initialized"})
        self.thread = (await self.call("thread/start", cwd=str(cwd)))["thread"]["id"]

    async def servers(self) -> dict[str, dict[str, Any]]:
        """Return the status of every MCP server, by name."""
        found = await self.call("mcpServerStatus/list", threadId=self.thread)
        return {server["name"]: server for server in found["data"]}

    async def tool(self, server: str, tool: str, **arguments: Any) -> Any:
        """Call a tool as the model would."""
        return await self.call(
            "mcpServer/tool/call", threadId=self.thread, server=server, tool=tool, arguments=arguments
        )

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps(message).encode() + b"\n")

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while True:
            while b"\n" not in self._rest:
                data = await self._process.stdout.receive_some()
                assert data, f"the app server ended: {self._rest!r}"
                self._rest += data
            line, _, self._rest = self._rest.partition(b"\n")
            if line.startswith(b"{"):  # what is logged stands between
                return dict(json.loads(line))


@asynccontextmanager
async def app_server(seat: Seat, *words: str, cwd: Path | None = None) -> AsyncIterator[AppServer]:
    """Yield an app server with a thread in `cwd`, the seat's repository if left out."""
    codex = seat.programs.program("codex")
    async with seat.running(codex, "app-server", *words) as process:
        server = AppServer(process)
        await server.begin(cwd or seat.repository.path)
        yield server
