"""`rhctl connect`: the stdio bridge."""

from __future__ import annotations

import os
import sys

from rhctl.bridge import Bridge
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
        "Speak MCP on standard input and output, for a local agent. The connection outlives the daemon. Serves the "
        "profiles planner and executor unless one is named.",
        "rhctl connect --repo ~/src/project --profile executor",
    )
    add_repo(
        parser,
        is_option=True,
        about="slug or path (default: $CLAUDE_PROJECT_DIR, or the current folder's repository)",
    )
    add_profile(parser, "planner, executor or orchestrator")
    return parser


def run(args: Any) -> int:
    """Speak MCP on standard input and output until the client ends it."""
    return connect(Home.find(args.home), args.repo, args.profile, may_start=not args.no_start)


def connect(home: Home, repo: str | None, profile: str | None, *, may_start: bool) -> int:
    """Run the bridge; nothing but MCP is written to standard output."""
    if sys.stdin.isatty():
        print("rhctl: this terminal speaks MCP now, which is for programs; Ctrl-D ends it", file=sys.stderr)
    # Claude Code starts servers in the folder that it was started in, and says here where its project is.
    params = repo_params(repo or os.environ.get("CLAUDE_PROJECT_DIR") or None)
    return Bridge(home, {**params, "profile": profile}, may_start=may_start).run()


COMMAND = Command("connect", CONNECT, "Serve MCP on standard input and output to a local agent", build_parser, run)
