"""`rhctl deny`."""

from __future__ import annotations

from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser
from rhctl.rendering import say, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl deny`."""
    parser = make_parser("deny", "Refuse a login that waits in a browser.", "rhctl deny abcd-efgh")
    parser.add_argument("code", metavar="CODE", help="the code that the login's page shows")
    return parser


def run(args: Any) -> int:
    """Refuse the login under a code."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("deny", {"code": args.code.strip().lower()})
    if args.json:
        say_json(done)
    else:
        say(f"the login of {escape(done['client'])} is refused")
    return 0


COMMAND = Command("deny", ACCESS, "Refuse a login that waits in a browser", build_parser, run)
