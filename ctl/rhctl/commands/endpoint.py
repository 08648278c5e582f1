"""`rhctl endpoint`."""

from __future__ import annotations

from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.options import make_parser
from rhctl.rendering import say, say_hint, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl endpoint`."""
    parser = make_parser(
        "endpoint",
        "Show the public URL that remote clients know the daemon by, or record it. It is the URL of your tunnel and "
        "ends exactly in /mcp.",
        "rhctl endpoint https://harness.example.com/mcp",
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="https://HOST[:PORT]/mcp")
    parser.add_argument(
        "--replace", action="store_true", help="replace another recorded one, which is then no longer answered"
    )
    return parser


def run(args: Any) -> int:
    """Show or record the public endpoint."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        answer = client.call("endpoint", {"url": args.url, "replace": args.replace or None})
    if args.json:
        say_json(answer)
    else:
        show(answer)
    return 0


def show(answer: dict[str, Any]) -> None:
    """Print the endpoint for a person."""
    if answer["endpoint"] is None:
        say("no public endpoint is recorded")
        say_hint("Record the URL of your tunnel with: rhctl endpoint https://HOST/mcp")
        return
    say(answer["endpoint"])
    say_replaced(answer["clients"])


def say_replaced(clients: list[str]) -> None:
    """Print what replacing an endpoint means for the clients that had logged in."""
    if clients:
        say(f"The one before is no longer answered. Logged in: {', '.join(escape(name) for name in clients)}")
        say_hint("Set up anew those of them that used it. Their grants stay until you end them: rhctl revoke CLIENT")


COMMAND = Command("endpoint", CONNECT, "Show or record the public URL", build_parser, run)
