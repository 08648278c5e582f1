"""`rhctl repos`."""

from __future__ import annotations

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser
from rhctl.rendering import count, say, say_hint, say_json, say_summary, say_table
from rhctl.terminal import age
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl repos`."""
    return make_parser("repos", "List the adopted repositories.", "rhctl repos --json")


def run(args: Any) -> int:
    """List the adopted repositories."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("repos")
    if args.json:
        say_json(answer)
    elif answer["repos"]:
        rows = [(repo["slug"], repo["path"], age(repo["adopted_at"])) for repo in answer["repos"]]
        say_table(("REPO", "PATH", "ADOPTED"), rows, {"PATH": 16})
        say_summary(count(len(rows), "repository", "repositories"))
    else:
        say("no repository is adopted")
        say_hint("Adopt one with: rhctl adopt PATH")
    return 0


COMMAND = Command("repos", REPOSITORIES, "List the adopted repositories", build_parser, run)
