"""`rhctl start`."""

from __future__ import annotations

from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_profile, add_repo, add_runner, make_parser, repo_params
from rhctl.rendering import say, say_dormant, say_json, say_problem, say_runs
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl start`."""
    parser = make_parser(
        "start",
        "Let HTTP clients be served with a profile of a repository, from now on and after a restart. Local agents "
        "(rhctl connect) do not depend on it.",
        "rhctl start project --profile orchestrator --enable-dev-runner --dev-runner-agents codex,claude",
    )
    add_repo(parser)
    add_profile(parser, "planner, executor or orchestrator (default: planner)", default="planner")
    add_runner(parser)
    parser.add_argument(
        "--allow",
        metavar="RULE",
        action="append",
        help="what Claude Code may run without asking, such as 'Bash(pytest *)'; can be repeated",
    )
    return parser


def run(args: Any) -> int:
    """Let HTTP clients be served with a profile."""
    params = {
        **repo_params(args.repo),
        "profile": args.profile,
        "enable_dev_runner": args.enable_dev_runner or None,
        "dev_runner_agents": args.dev_runner_agents,
        "allow": args.allow,
    }
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("start", params)
    if args.json:
        say_json(done)
    else:
        say(f"{done['profile']} is started for {done['slug']}")
        say(f"  {done['url']}")
        say_runs(done["agent_runs"])
        say_dormant(done)
        say_problem(done["problem"])
    return 0


COMMAND = Command("start", CONNECT, "Enable a profile for HTTP clients (starts no daemon)", build_parser, run)
