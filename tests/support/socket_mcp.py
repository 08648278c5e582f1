"""MCP over the control socket, line by line and without an event loop: for tests that kill daemons."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

from rhctl.client import DaemonClient
from rhwire.home import Home
from rhwire.messages import encode

ERROR_KEY = "dev.repo-harness/error"


class SocketMcp:
    """One connection that speaks MCP to a repository as its owner's agent."""

    def __init__(self, home: str, slug: str, profile: str) -> None:
        self._client = DaemonClient.connect(Home(home))
        self._client.call("attach", {"repo": slug, "profile": profile})
        self._numbers = itertools.count(1)
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
        self._ask("initialize", info)
        self._client.sock.sendall(encode({"jsonrpc": "2.0", "method": "notifications/initialized"}))

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return a tool's structured result, or the error that it tells."""
        result = self._ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            return dict(result["_meta"][ERROR_KEY])
        return dict(result["structuredContent"])

    def refused(self, line: bytes) -> dict[str, Any]:
        """Send a line as it is and return the error that answers it."""
        self._client.sock.sendall(line + b"\n")
        return dict(json.loads(self._client.read_line())["error"])

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self._client.sock.sendall(encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._client.read_line())
            if message.get("id") == number:
                return dict(message["result"])


def prepare_goal(planner: SocketMcp) -> str:
    """Have the planner's tools write a PRD, a sprint of one card and the goal; return the goal's revision."""
    prd = planner.call("write_prd_from_idea", title="Demo", idea="Print hello.", slug="20261130-1200-demo")
    card = {"title": "Hello", "objective": "hello.py prints hello.", "checks": ["python3 hello.py"]}
    sprint = planner.call(
        "write_checklist_sprint", title="Demo", prd_path=prd["path"], tasks=[card], slug="20261130-1200-demo"
    )
    goal = planner.call("prepare_codex_goal_from_sprint", prd_path=prd["path"], sprint_path=sprint["path"])
    return str(goal["revision"])


def main() -> None:
    """`HOME SLUG`: prepare a goal, start a run of codex and print its id."""
    home, slug = sys.argv[1:]
    revision = prepare_goal(SocketMcp(home, slug, "planner"))
    print(SocketMcp(home, slug, "orchestrator").call("run_agent_goal", agent="codex", expected_revision=revision))


if __name__ == "__main__":
    main()
