"""`rhctl clients`."""

from __future__ import annotations

from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import count, say, say_hint, say_json, say_summary, say_table
from rhctl.terminal import GOOD, WARN, age, is_terminal
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser
    from rhctl.rendering import Cell

TITLES = ("ID", "CLIENT", "MAY", "SINCE", "LAST USED")
CUT = {"CLIENT": 10, "MAY": 14}


def build_parser() -> Parser:
    """Return the parser of `rhctl clients`."""
    parser = make_parser(
        "clients",
        "Show which clients are connected, since when, and what each may do. Remove one with: rhctl revoke ID. A local "
        "one, over stdio, leaves when its agent ends.",
        "rhctl clients project",
    )
    add_repo(parser, about="slug or path; all of them if left out")
    return parser


def run(args: Any) -> int:
    """Show who is connected."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("clients", repo_params(args.repo, around=False))
    if args.json:
        say_json(answer)
    elif not answer["clients"]:
        say("no client is connected")
        say_hint("Connect one with: rhctl setup chatgpt, or: rhctl setup codex")
    else:
        say_table(TITLES, [row for each in answer["clients"] for row in _rows(each)], CUT)
        parts = [count(len(answer["clients"]), "client"), "remove one with: rhctl revoke ID"]
        if any(each["pid"] is not None for each in answer["clients"]):
            parts.append("a local one leaves when its agent ends")
        say_summary(*parts)
    return 0


def _rows(client: dict[str, Any]) -> list[tuple[Cell, ...]]:
    """Return a client's row; in a terminal, each further repository that it reaches has one of its own."""
    may = [f"{slug}: {', '.join(profiles)}" for slug, profiles in client["repos"].items()]
    if not is_terminal():
        may = ["; ".join(may)] if may else []
    # Without a login any more there is nothing to have been used; what it used before was that login's.
    used: Cell = age(client["used_at"]) if client["used_at"] else "never" if client["resource"] else "-"
    id_, name = client["id"], client["name"] + (f" ({client['host']})" if client["host"] else "")
    first: Cell = may[0] if may else ("nothing any more", WARN)
    if client["pid"] is not None:
        id_ = "local" if is_terminal() else id_
        name, used, first = f"{name} (pid {client['pid']})", ("connected", GOOD), may[0] if may else "-"
    return [(id_, name, first, age(client["since"]), used), *(("", "", more, "", "") for more in may[1:])]


COMMAND = Command("clients", ACCESS, "List the connected clients and what each may do", build_parser, run)
