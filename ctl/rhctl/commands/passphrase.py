"""`rhctl passphrase`."""

from __future__ import annotations

import json
import os

from rhctl.client import DaemonClient
from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.options import choice, make_parser, repo_params
from rhctl.rendering import count, say, say_json
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl passphrase`."""
    parser = make_parser(
        "passphrase",
        "Show the passphrase that opens a repository, or rotate it. The daemon keeps only a digest; the copy for "
        "people is .repo-harness/mcp.oauth.json in the repository.",
        "rhctl passphrase rotate project --keep-sessions",
    )
    parser.add_argument("action", type=choice("action", ("show", "rotate")), metavar="show|rotate")
    parser.add_argument("repo", nargs="?", metavar="REPO", help="slug or path; the current folder's if left out")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--drop-sessions", action="store_true", help="connected clients must log in again (default)")
    which.add_argument("--keep-sessions", action="store_true", help="connected clients stay connected")
    return parser


def run(args: Any) -> int:
    """Show the passphrase's copy, or have a new one made."""
    params = repo_params(args.repo)
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        if args.action == "rotate":
            done = client.call("passphrase", {**params, "action": "rotate", "drop": not args.keep_sessions})
        else:
            done = look(client, params)
    if args.json:
        say_json(done)
    elif args.action == "rotate":
        show_rotated(done)
    else:
        say(done["passphrase"])
    return 0


def look(client: DaemonClient, params: dict[str, Any]) -> dict[str, Any]:
    """Return the passphrase in a repository's copy, once the daemon has said that it is the right one.

    Raises:
        HarnessError: NOT_FOUND, there is no copy, or it is not the passphrase any more; REPO_DETACHED, the folder that
            it lies in is not where it was.
    """
    repo = client.call("passphrase", {**params, "action": "check"})
    passphrase = read_copy(repo["path"], repo["file"])
    if passphrase is None:
        _refuse_detached(repo)
        problem = f"there is no passphrase in {repo['file']}"
    elif client.call("passphrase", {**params, "action": "check", "passphrase": passphrase})["is_right"]:
        return {"slug": repo["slug"], "path": repo["path"], "passphrase": passphrase}
    else:
        problem = f"the copy in {repo['file']} is not the passphrase any more"
    next_step = f"Make a new one with: rhctl passphrase rotate {repo['slug']}"
    raise HarnessError(problem, code="NOT_FOUND", next_step=next_step)


def _refuse_detached(repo: dict[str, Any]) -> None:
    """Refuse where only the folder is away: a new passphrase would end every login and help nothing."""
    problem = repo["problem"]
    if (problem is not None and problem["code"] == "REPO_DETACHED") or not os.path.isdir(repo["path"]):
        message = f"the folder {repo['path']} is not where it was, and the passphrase's copy is in it"
        next_step = f"Adopt it again where it now is: rhctl adopt PATH; or, if it is gone: rhctl forget {repo['slug']}"
        raise HarnessError(message, code="REPO_DETACHED", next_step=next_step)


def read_copy(folder: str, name: str) -> str | None:
    """Return the passphrase in a repository's copy, as its owner reads it; None if there is none."""
    try:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as stream:
            value = json.loads(stream.read(4096))["passphrase"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def show_rotated(done: dict[str, Any]) -> None:
    """Print a new passphrase for a person."""
    say(done["passphrase"])
    say(f"  is the new passphrase of {done['slug']}; the old one is dead")
    if done["dropped"]:
        say(f"  {count(done['ended'], 'client')} must log in again" if done["ended"] else "  no client was connected")
    if done["copy_problem"]:
        say(f"  its copy could not be written: {escape(done['copy_problem'])}")


COMMAND = Command("passphrase", ACCESS, "Show or rotate the passphrase of a repository", build_parser, run)
