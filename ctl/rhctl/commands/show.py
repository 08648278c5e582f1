"""`rhctl show`."""

from __future__ import annotations

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_repo, make_parser, real_path, repo_params
from rhctl.rendering import say, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl show`."""
    parser = make_parser(
        "show",
        "Print a workflow artifact as clients see it: secrets replaced by [REDACTED:type].",
        "rhctl show plans/sprints/20261122-1010-search.sprint.md",
    )
    add_repo(parser, is_option=True)
    parser.add_argument("path", metavar="ARTIFACT", help="the artifact's path in the repository, or its file")
    return parser


def run(args: Any) -> int:
    """Print an artifact, page by page."""
    params = {**repo_params(args.repo), "artifact": args.path, "file": real_path(args.path)}
    pages: list[str] = []
    cursor = None
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        while not pages or cursor is not None:
            page = client.call("show", params if cursor is None else {**params, "cursor": cursor})
            pages.append(page["content"])
            cursor = page.pop("next_cursor")
    content = "".join(pages)
    if args.json:
        say_json({**page, "content": content})
    else:
        for line in content.removesuffix("\n").split("\n"):
            say("\t".join(map(escape, line.split("\t"))))
    return 0


COMMAND = Command("show", REPOSITORIES, "Print a workflow artifact as clients see it", build_parser, run)
