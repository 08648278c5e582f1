"""`rhctl auth-header`."""

from __future__ import annotations

from rhctl.command import CONNECT, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import say_json
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl auth-header`."""
    parser = make_parser(
        "auth-header",
        "Print, as one JSON object, the headers with which a client on this machine logs in over HTTP: for Codex's "
        "http_headers_helper and Claude Code's headersHelper. Their grant is listed by rhctl clients and ended by "
        "rhctl revoke; each call prints a new token, which is good for a day.",
        "rhctl auth-header ~/src/project",
    )
    add_repo(parser)
    return parser


def run(args: Any) -> int:
    """Print the headers; with --json too, since that is what clients read."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        say_json(client.call("auth-header", repo_params(args.repo))["headers"])
    return 0


COMMAND = Command("auth-header", CONNECT, "Print the HTTP headers with which a local client logs in", build_parser, run)
