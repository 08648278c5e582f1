"""`rhctl adopt`."""

from __future__ import annotations

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import home_words, make_parser, real_path
from rhctl.rendering import say, say_json
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl adopt`."""
    parser = make_parser(
        "adopt",
        "Make a repository's workflow artifacts reachable over MCP. Creates what is missing and changes nothing that "
        "exists. On a repository that was moved, takes it up where it now is.",
        "rhctl adopt ~/src/project",
    )
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a folder in the repository; here if left out"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--name", metavar="SLUG", help="its name in URLs and commands (default: the folder's)")
    which.add_argument("--as", dest="take_up", metavar="SLUG", help="take this adopted repository up at PATH")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be created")
    return parser


def run(args: Any) -> int:
    """Adopt a repository and print the next step."""
    params = {"path": real_path(args.path), "name": args.name, "as": args.take_up, "dry_run": args.dry_run or None}
    home = Home.find(args.home)
    with open_client(home, may_start=not args.no_start) as client:
        done = client.call("adopt", params)
    if args.json:
        say_json(done)
    else:
        show(done, home_words(home))
    return 0


def show(done: dict[str, Any], home: str) -> None:
    """Print what adopting did, for a person; `home` names the home in what is to be typed next."""
    path = escape(done["path"])
    is_changing = done["created"] or done["replaced"]
    if done["dry_run"]:
        say(f"{path} would be adopted. It would change these files:" if is_changing else f"{path}: nothing to create")
    else:
        words = {"adopted": "adopted", "kept": "was adopted already", "moved": "taken up where it now is"}
        say(f"{path} {words.get(done['outcome'], done['outcome'])}" + (f" as {done['slug']}" if done["slug"] else ""))
    for name in done["created"]:
        say(f"  + {escape(name)}")
    for name in done["replaced"]:
        say(f"  ~ {escape(name)} (replaced)")
    if done["commit"]:
        say("  Commit these, so that clones and worktrees have them; .repo-harness/ ignores itself.")
    for note in done["notes"]:
        say(f"  note: {escape(note)}")
    _show_leftovers(done, home)
    if not done["dry_run"]:
        say()
        say("Next:")
        say(f"  ChatGPT:  rhctl setup chatgpt {done['slug']}{home}")
        say(f"  Codex:    rhctl setup codex {done['slug']} --write{home}")
        say(f"  look at:  rhctl status {done['slug']}{home}")


def _show_leftovers(done: dict[str, Any], home: str) -> None:
    """Print what the predecessor left behind."""
    if done["leftover_secrets"]:
        say("  These files hold secrets of the predecessor in plain text. Delete them once its server is stopped:")
        for name in done["leftover_secrets"]:
            say(f"    {escape(name)}")
    if done["leftover_endpoint"] and not done["public_url"]:
        say("  The predecessor was reached at a public URL. To go on with it:")
        say(f"    rhctl endpoint {escape(done['leftover_endpoint'])}{home}")


COMMAND = Command("adopt", REPOSITORIES, "Adopt a repository: make its workflow artifacts reachable", build_parser, run)
