"""`rhctl events`."""

from __future__ import annotations

import sys

from rhctl.client import open_client
from rhctl.errors import Refused
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(arguments: list[str]) -> int:
    """Show the newest changes, and with -f those to come."""
    parser = make_parser(
        "events", "Show what changed in the workflow artifacts, oldest first.", "rhctl events project -f"
    )
    add_repo(parser, about="slug or path; all of them if left out")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what changes, until interrupted")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="how many to begin with; 20 unless told")
    args = parser.parse_args(arguments)
    params = {**repo_params(args.repo, around=False), "count": args.count, "follow": args.follow or None}

    def show(change: dict[str, Any]) -> None:
        if args.json:
            say_json(change)
        else:
            at = change["at"][:19] + "Z"
            say(f"{at}  {change['change']:<8}  {change['repo']}  {escape(change['path'])}  ({change['via']})")
            sys.stdout.flush()

    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("events", params, on_event=show)
    if args.follow:
        # The only end that is the daemon's: nobody can be kept up with who does not read.
        raise Refused(
            "changes came faster than they were read here, and some were left out",
            code="TIMEOUT",
            next_step="Start it again; what was left out is among the newest: rhctl events -n 1000",
        )
    if args.json:
        say_json(answer)
    else:
        for change in answer["changes"]:
            show(change)
        if not answer["changes"]:
            say("nothing has changed yet")
    return 0
