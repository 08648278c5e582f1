"""`rhctl stop`."""

from __future__ import annotations

from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_profile, add_repo, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl stop`."""
    parser = make_parser(
        "stop",
        "Let HTTP clients no longer be served with a profile, or with any if none is named. Their grants stay, and so "
        "does the daemon: what ends it is rhctl service stop.",
        "rhctl stop project --profile executor",
    )
    add_repo(parser)
    add_profile(parser, "planner, executor or orchestrator; all that are started if left out")
    return parser


def run(args: Any) -> int:
    """Let HTTP clients no longer be served with a profile."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("stop", {**repo_params(args.repo), "profile": args.profile})
    if args.json:
        say_json(done)
        return 0
    stopped = ", ".join(done["stopped"]) or "nothing"
    say(f"stopped for {done['slug']}: {stopped}; still started: {', '.join(done['profiles']) or 'none'}")
    if done["leased"]:
        say(f"  {', '.join(done['leased'])}: served for as long as the repo-harness mcp serve that asked for it runs")
    return 0


COMMAND = Command("stop", CONNECT, "Disable a profile for HTTP clients (stops no daemon)", build_parser, run)
