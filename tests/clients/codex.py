"""Codex at a seat: its command, its folder, and `codex app-server`: its MCP client, without a model or an account."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.clients.client_home import Running, Seat

MODERN = ("--enable", "mcp_2026_07_28")
"""Codex speaks the 2026 era only if this is switched on, and over HTTP alone."""


class Codex:
    """Codex, with a folder of its own.

    Attributes:
        home: CODEX_HOME.
    """

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.program = seat.programs.program("codex")
        self.home = seat.home / ".codex"
        self.home.mkdir()
        seat.variables["CODEX_HOME"] = str(self.home)
        self.configure('mcp_oauth_credentials_store = "file"\n')

    def configure(self, text: str) -> None:
        """Add to the user's configuration."""
        with open(self.home / "config.toml", "a") as file:
            file.write(text)

    def trust(self) -> None:
        """Say that the repository is trusted, as its user would."""
        self.configure(f'[projects."{self.seat.repository.path}"]\ntrust_level = "trusted"\n')

    def server(self, name: str) -> dict[str, Any]:
        """Return what `codex mcp list` knows of a server; a fault in the configuration fails."""
        linted = self.seat.run(self.program, "app-server", "--strict-config", "--print-startup-config")
        assert linted.returncode == 0, linted.stdout + linted.stderr
        listed = self.seat.run(self.program, "mcp", "list", "--json")
        return next(dict(server) for server in json.loads(listed.stdout) if server["name"] == name)

    @property
    def credentials(self) -> dict[str, Any]:
        """What it keeps of the one login."""
        (kept,) = json.loads(self._kept.read_text()).values()
        return dict(kept)

    def age(self) -> None:
        """Make it believe that its access token is over."""
        kept = json.loads(self._kept.read_text())
        for login in kept.values():
            login["expires_at"] = 1000
        self._kept.write_text(json.dumps(kept))

    @property
    def _kept(self) -> Path:
        return self.home / ".credentials.json"

    @asynccontextmanager
    async def app_server(self, *words: str) -> AsyncIterator[AppServer]:
        """Yield an app server with a thread in the repository."""
        async with self.seat.running(self.program, "app-server", *words, is_logging=True) as running:
            server = AppServer(running)
            await server.begin(self.seat.repository.path)
            yield server


class AppServer:
    """A running app server with one thread in a folder."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._numbers = itertools.count(1)
        self._thread = ""

    async def begin(self, cwd: Path) -> None:
        """Introduce ourselves and start a thread in a folder."""
        info = {"name": "repo-harness-tests", "title": "tests", "version": "0"}
        await self._call("initialize", clientInfo=info, capabilities={"experimentalApi": True})
        await self._send({"method": "initialized"})
        self._thread = (await self._call("thread/start", cwd=str(cwd)))["thread"]["id"]

    async def servers(self) -> dict[str, dict[str, Any]]:
        """Return the status of every MCP server, by name."""
        found = await self._call("mcpServerStatus/list", threadId=self._thread)
        return {server["name"]: server for server in found["data"]}

    async def tool(self, server: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool as the model would and return its structured content."""
        result = await self._call_tool(server, tool, arguments)
        assert not result.get("isError"), result
        return dict(result["structuredContent"])

    async def text(self, server: str, tool: str, arguments: dict[str, Any]) -> str:
        """Call a tool as the model would and return its text, an error's too."""
        return str((await self._call_tool(server, tool, arguments))["content"][0]["text"])

    async def _call_tool(self, server: str, tool: str, arguments: dict[str, Any]) -> Any:
        named = {"threadId": self._thread, "server": server, "tool": tool, "arguments": arguments}
        return await self._call("mcpServer/tool/call", **named)

    async def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        await self._send({"id": number, "method": method, "params": params})
        while True:
            message = json.loads(await self._running.line())
            if message.get("id") == number and "method" not in message:
                assert "result" in message, message
                return message["result"]

    async def _send(self, message: dict[str, Any]) -> None:
        await self._running.input.send_all(json.dumps(message).encode() + b"\n")
