"""`rhctl connect`: the stdio bridge."""

from __future__ import annotations

import sys

from rhctl.bridge import pump
from rhctl.client import DaemonClient, open_client
from rhctl.command import CONNECT, Command
from rhctl.options import add_profile, add_repo, make_parser, repo_params
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl connect`."""
    parser = make_parser(
        "connect",
        "Speak MCP on standard input and output for a local agent. Serves planner and executor unless one is named.",
        "rhctl connect --repo ~/src/project --profile executor",
    )
    add_repo(parser, is_option=True)
    add_profile(parser, "planner, executor or orchestrator")
    return parser


def run(args: Any) -> int:
    """Speak MCP on stdin and stdout until either side ends."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        return connect(client, args.repo, args.profile)


def connect(client: DaemonClient, repo: str | None, profile: str | None) -> int:
    """Attach to a repository and pump bytes; stdout carries nothing but MCP."""
    client.call("attach", {**repo_params(repo), "profile": profile})
    if sys.stdin.isatty():
        print("rhctl: this terminal speaks MCP now, which is for programs; Ctrl-D ends it", file=sys.stderr)
    return pump(client.sock, client.take_rest())


COMMAND = Command("connect", CONNECT, "Serve MCP on standard input and output to a local agent", build_parser, run)
