"""`rhctl deny`."""

from __future__ import annotations

from rhctl.client import open_client
from rhctl.options import make_parser
from rhctl.rendering import say, say_json
from rhwire.escape import escape
from rhwire.home import Home


def run(arguments: list[str]) -> int:
    """Refuse the login under a code."""
    parser = make_parser("deny", "Refuse a login that waits in a browser.", "rhctl deny abcd-efgh")
    parser.add_argument("code", metavar="CODE", help="the code that the login's page shows")
    args = parser.parse_args(arguments)
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        done = client.call("deny", {"code": args.code.strip().lower()})
    if args.json:
        say_json(done)
    else:
        say(f"the login of {escape(done['client'])} is refused")
    return 0
