"""`rhctl forget`."""

from __future__ import annotations

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser, repo_params
from rhctl.rendering import count, say, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl forget`."""
    parser = make_parser(
        "forget",
        "Make a repository unreachable again. Its artifacts stay as they are; adopting it again takes it up.",
        "rhctl forget project",
    )
    parser.add_argument("repo", metavar="REPO", help="slug or path")
    return parser


def run(args: Any) -> int:
    """Unregister a repository."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("forget", repo_params(args.repo))
    if args.json:
        say_json(done)
        return 0
    say(f"{done['slug']} is forgotten; its files in {escape(done['path'])} stay")
    if done["clients"]:
        say(f"  {count(done['clients'], 'client')} can no longer reach it")
    return 0


COMMAND = Command("forget", REPOSITORIES, "Stop serving a repository; its artifacts stay", build_parser, run)
