"""`rhctl forget`."""

from __future__ import annotations

from rhctl.client import open_client
from rhctl.options import make_parser, repo_params
from rhctl.rendering import count, say, say_json
from rhwire.escape import escape
from rhwire.home import Home


def run(arguments: list[str]) -> int:
    """Unregister a repository."""
    parser = make_parser(
        "forget",
        "Make a repository unreachable again. Its artifacts stay as they are; adopting it again takes it up.",
        "rhctl forget project",
    )
    parser.add_argument("repo", metavar="REPO", help="slug or path")
    args = parser.parse_args(arguments)
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("forget", repo_params(args.repo))
    if args.json:
        say_json(done)
        return 0
    say(f"{done['slug']} is forgotten; its files in {escape(done['path'])} stay")
    if done["clients"]:
        say(f"  {count(done['clients'], 'client')} can no longer reach it")
    return 0
