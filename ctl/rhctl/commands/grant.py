"""`rhctl grant`."""

from __future__ import annotations

from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_profile, home_words, make_parser, repo_params
from rhctl.rendering import say, say_grants, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl grant`."""
    parser = make_parser(
        "grant",
        "Let a connected client act with a profile in a repository; in force with its next call.",
        "rhctl grant ChatGPT project --profile executor",
    )
    parser.add_argument("client", metavar="CLIENT", help="its id or name, as rhctl clients shows it")
    parser.add_argument("repo", metavar="REPO", help="slug or path")
    add_profile(parser, "planner, executor or orchestrator", required=True)
    return parser


def run(args: Any) -> int:
    """Let a connected client do more."""
    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        done = client.call("grant", {**repo_params(args.repo), "client": args.client, "profile": args.profile})
    if args.json:
        say_json(done)
    else:
        command = f"rhctl start {done['slug']} --profile {done['profile']}{home_words(home)}"
        once = "" if done["started"] else f", once it is started: {command}"
        say(f"{escape(done['client'])} may act as {done['profile']} in {done['slug']}{once}")
        say_grants(done["grants"])
    return 0


COMMAND = Command("grant", ACCESS, "Grant a client a profile in a repository", build_parser, run)
