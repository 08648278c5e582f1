"""`rhctl connect`: the stdio bridge."""

from __future__ import annotations

from rhctl.bridge import pump
from rhctl.client import open_client
from rhctl.options import add_repo, make_parser, repo_params
from rhwire.home import Home


def run(arguments: list[str]) -> int:
    """Speak MCP on stdin and stdout until either side ends."""
    parser = make_parser(
        "connect",
        "Speak MCP on standard input and output for a local agent. Serves planner and executor unless one is named.",
        "rhctl connect --repo ~/src/project --profile executor",
    )
    add_repo(parser, is_option=True)
    parser.add_argument("--profile", choices=("planner", "executor", "orchestrator"))
    args = parser.parse_args(arguments)
    return connect(Home.find(args.home), args.repo, args.profile, may_start=not args.no_start)


def connect(home: Home, repo: str | None, profile: str | None, *, may_start: bool) -> int:
    """Attach to a repository and pump bytes; stdout carries nothing but MCP."""
    client = open_client(home, may_start=may_start)
    client.call("attach", {**repo_params(repo), "profile": profile})
    return pump(client.sock, client.take_rest())
