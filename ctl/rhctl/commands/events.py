"""`rhctl events`."""

from __future__ import annotations

import sys

from rhctl.client import DaemonClient, come_back, output_descriptor
from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.errors import CommandRefused, NoDaemon
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import Table, count, say, say_json, say_summary
from rhctl.terminal import BAD, GOOD, QUIET, WARN, clock
from rhwire.home import Home
from rhwire.lock import ask_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from rhctl.options import Parser
    from rhctl.rendering import Cell

TITLES = ("TIME", "CHANGE", "REPO", "PATH", "VIA")
CUT = {"PATH": 16, "REPO": 8, "VIA": 8}
MEANINGS = {"added": GOOD, "removed": WARN, "moved": WARN, "lost": BAD, "restored": GOOD, "adopted": GOOD}


def build_parser() -> Parser:
    """Return the parser of `rhctl events`."""
    parser = make_parser(
        "events",
        "Show what changed in the workflow artifacts, oldest first.",
        "rhctl events project -f",
        streams=True,
    )
    add_repo(parser, about="slug or path; all of them if left out")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what changes, until interrupted")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="how many to begin with; (default: 20)")
    return parser


def run(args: Any) -> int:
    """Show the newest changes, and with -f those to come."""
    home, params = Home.find(args.home), repo_params(args.repo, around=False)

    table = Table(TITLES, CUT, is_log=True)

    def show(*changes: dict[str, Any]) -> None:
        if args.json:
            for change in changes:
                say_json(change)
        else:
            table.add([_row(change) for change in changes])
            sys.stdout.flush()

    with open_client(home, may_start=not args.no_start) as client:
        answer = client.call("events", {**params, "count": args.count})
        if args.json and not args.follow:
            say_json({"changes": answer["changes"]})
            return 0
        if answer["changes"]:
            show(*answer["changes"])
        if args.follow:
            _follow(home, client, params, answer["cursors"], show)
    if not answer["changes"]:
        say("nothing has changed yet")
    else:
        say_summary(count(len(answer["changes"]), "change"), "follow further ones with: rhctl events -f")
    return 0


def _row(change: dict[str, Any]) -> tuple[Cell, ...]:
    by = f"{change['via']} ({change['by']})" if change["by"] else change["via"]
    path, meaning = change["path"] or change["kind"], MEANINGS.get(change["change"])
    return (clock(change["at"]), QUIET), (change["change"], meaning), change["repo"], path, by


def _follow(
    home: Home,
    client: DaemonClient,
    params: dict[str, Any],
    cursors: dict[str, str],
    show: Callable[[dict[str, Any]], None],
) -> NoReturn:
    """Show what changes after these cursors until interrupted, across restarts of the daemon."""

    output = output_descriptor()

    def tell(change: dict[str, Any]) -> None:
        show(change)
        cursors[change["repo"]] = change["cursor"]

    while True:
        with client:
            serving = ask_lock(home.lock)
            try:
                client.call("events", {**params, "follow": True, "since": cursors}, on_event=tell, output=output)
            except NoDaemon:  # it has ended, or would not wait for a reader who paused
                pass
            else:
                raise CommandRefused(
                    "more has changed since this was last read than is kept, and the oldest of it is gone",
                    code="TIMEOUT",
                    next_step="Start it again; the newest of what is kept: rhctl events -n 1000",
                )
        client = come_back(home, serving, output=output)


COMMAND = Command("events", REPOSITORIES, "Show what changed; with -f follow further changes", build_parser, run)
