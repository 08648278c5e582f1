"""`rhctl raw`."""

from __future__ import annotations

import json

from rhctl.command import DAEMON, Command
from rhctl.daemon_access import open_client
from rhctl.errors import UsageError
from rhctl.options import make_parser
from rhctl.rendering import say_json
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl raw`."""
    parser = make_parser(
        "raw",
        "Send a verb of the control protocol (docs/control.md) and print the result; a stream prints a line an event.",
        "rhctl raw events count=3 repo=project",
        streams=True,
    )
    parser.add_argument("verb", metavar="VERB")
    parser.add_argument(
        "params", nargs="*", default=[], metavar="NAME=VALUE", help="VALUE is JSON, or a string if it is none"
    )
    return parser


def run(args: Any) -> int:
    """Send a verb as it is and print its answer."""
    params = dict(_pair(text) for text in args.params)
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        say_json(client.call(args.verb, params, on_event=say_json))
    return 0


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is not NAME=VALUE", next_step="See: rhctl raw --help")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


COMMAND = Command("raw", DAEMON, "Send a request of the control protocol as it is", build_parser, run)
