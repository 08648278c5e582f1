"""`rhctl audit`."""

from __future__ import annotations

import sys

from rhctl.client import come_back, output_descriptor
from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.errors import NoDaemon
from rhctl.options import add_repo, make_parser, parse_since, repo_params
from rhctl.rendering import Table, count, say, say_hint, say_json, say_summary
from rhctl.terminal import QUIET, WARN, clock
from rhwire.home import Home
from rhwire.lock import ask_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from rhctl.options import Parser
    from rhctl.rendering import Cell

TITLES = ("TIME", "WHO", "DID", "REPO", "WHAT", "OUTCOME")
CUT = {"WHO": 8, "DID": 10, "REPO": 6, "WHAT": 8}
# What an action is for a person; a tool's name stands for itself.
_ACTIONS = {
    "client.new": "new client",
    "client.register": "registered",
    "config.set": "changed a setting",
    "config.unset": "took a setting out",
    "endpoint.set": "recorded the endpoint",
    "grant.end": "grant ended",
    "grant.make": "grant made",
    "grant.narrow": "grant narrowed",
    "grant.widen": "grant widened",
    "login.allow": "login allowed",
    "login.begin": "login begun",
    "login.code": "used a code",
    "login.refuse": "login refused",
    "login.wrong": "wrong passphrase",
    "passphrase.rotate": "passphrase rotated",
    "profile.start": "profile started",
    "profile.stop": "profile stopped",
    "repo.adopt": "adopted",
    "repo.forget": "forgotten",
    "token.refresh": "used a refresh token",
}


def build_parser() -> Parser:
    """Return the parser of `rhctl audit`."""
    parser = make_parser(
        "audit",
        "Show who did what: logins, grants, profiles, passphrases, runs and every call, oldest first. No content "
        "of any artifact is in it.",
        "rhctl audit project --since 2h --client ChatGPT",
        streams=True,
    )
    add_repo(parser, about="slug or path; all of them if left out")
    parser.add_argument("--since", metavar="WHEN", help="only from then on: 30m, 2h, 7d, or 2026-11-22T10:00:00Z")
    parser.add_argument("--client", metavar="CLIENT", help="only of this client, by name or grant id, or of owner")
    parser.add_argument(
        "--outcome", metavar="CODE", help="only with this outcome: ok, a code, or refused for every code"
    )
    parser.add_argument(
        "--action",
        metavar="ACTION",
        help="only this: a tool's name, an event such as login.wrong, or its first word: login, grant, run, profile",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is recorded, until interrupted")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="how many of the newest (default: 50)")
    return parser


def run(args: Any) -> int:
    """Show who did what."""
    params = {
        **repo_params(args.repo, around=False),
        "since": parse_since(args.since),
        "client": args.client,
        "outcome": args.outcome,
        "action": args.action,
        "count": args.count,
    }
    if args.follow:
        _follow(Home.find(args.home), params, as_json=args.json, may_start=not args.no_start)
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("audit", params)
    if args.json:
        say_json(answer)
        return 0
    if not answer["rows"]:
        say("nothing is recorded that matches" if any(params.values()) else "nothing is recorded yet")
        return 0
    Table(TITLES, CUT, is_log=True).add([_cells(row) for row in answer["rows"]])
    if answer["has_more"]:
        say()
        say_hint("There is more; raise the limit with: rhctl audit -n 1000", 0)
    refused = sum(row["count"] for row in answer["rows"] if row["outcome"] != "ok")
    say_summary(count(len(answer["rows"]), "row"), f"{refused} refused")
    return 0


def _follow(home: Home, params: dict[str, Any], *, as_json: bool, may_start: bool) -> NoReturn:
    """Show the newest rows and those to come until interrupted, across restarts of the daemon."""
    table, output, last = Table(TITLES, CUT, is_log=True), output_descriptor(), None

    def tell(row: dict[str, Any]) -> None:
        nonlocal last
        last = row.pop("number")
        if as_json:
            say_json(row)
        else:
            table.add([_cells(row)])
            sys.stdout.flush()

    client = open_client(home, may_start=may_start)
    while True:
        with client:
            serving = ask_lock(home.lock)
            try:
                client.call("audit", {**params, "follow": True, "after": last}, on_event=tell, output=output)
            except NoDaemon:  # it has ended, or would not wait for a reader who paused
                pass
        client = come_back(home, serving, output=output)


def _cells(row: dict[str, Any]) -> tuple[Cell, ...]:
    who = row["client"] or {"owner": "owner", "-": "unknown"}.get(row["principal"], row["principal"])
    if row["client"] and row["principal"] == "owner":
        who = f"owner ({row['client']})"
    what = " ".join(part for part in (row["profile"], row["target"]) if part)
    times = f" ×{row['count']}" if row["count"] > 1 else ""
    action = _ACTIONS.get(row["action"], row["action"]) + times
    outcome = row["outcome"], None if row["outcome"] == "ok" else WARN
    return (clock(row["at"]), QUIET), who, action, row["repo"] or "-", what or "-", outcome


COMMAND = Command("audit", ACCESS, "Show who did what; with -f follow it", build_parser, run)
