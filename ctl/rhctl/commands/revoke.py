"""`rhctl revoke`."""

from __future__ import annotations

from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser, repo_params
from rhctl.rendering import say, say_grants, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl revoke`."""
    parser = make_parser(
        "revoke",
        "Take a repository out of what a client may reach; without one, end everything that it may. Its open streams "
        "end at once.",
        "rhctl revoke ChatGPT project",
    )
    parser.add_argument("client", metavar="CLIENT", help="its id or name, as rhctl clients shows it")
    parser.add_argument("repo", nargs="?", metavar="REPO", help="slug or path; everything if left out")
    return parser


def run(args: Any) -> int:
    """Let a client do less, or nothing."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("revoke", {**repo_params(args.repo, around=False), "client": args.client})
    if args.json:
        say_json(done)
    else:
        what = f"no longer reaches {done['slug']}" if done["slug"] else "is disconnected"
        say(f"{escape(done['client'])} {what}")
        say_grants(done["grants"])
    return 0


COMMAND = Command("revoke", ACCESS, "End a client's access to one repository or to all", build_parser, run)
