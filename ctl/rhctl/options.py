"""Command lines: one small parser, built for the command that runs and for no other."""

from __future__ import annotations

import argparse
import os

from rhctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: code USAGE, exit 2, JSON where JSON was asked for."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print and exit with."""
        raise UsageError(message, next_step=f"See: {self.prog} --help")


def make_parser(name: str, about: str, example: str, *, program: str = "rhctl", starts: bool = True) -> Parser:
    """Return a command's parser with what every command has.

    Args:
        starts: the command needs a daemon and starts one unless told not to.
    """
    parser = Parser(
        prog=f"{program} {name}",
        description=about,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--home", metavar="FOLDER", help="the daemon's home, if not the default one")
    if starts:
        parser.add_argument("--no-start", action="store_true", help="do not start a daemon if none runs")
    return parser


def add_repo(
    parser: Parser, *, is_option: bool = False, about: str = "slug or path; the current folder's if left out"
) -> None:
    """Add the argument that names a repository."""
    if is_option:
        parser.add_argument("--repo", metavar="REPO", help=about)
    else:
        parser.add_argument("repo", nargs="?", metavar="REPO", help=about)


def repo_params(typed: str | None, *, around: bool = True) -> dict[str, Any]:
    """Return how a request names a repository: what was typed, and the real path that it would be.

    Args:
        typed: a slug or a path, or None.
        around: None means the repository around the current folder; otherwise it means all of them.
    """
    if typed is None:
        return {"path": os.path.realpath(os.getcwd())} if around else {}
    return {"repo": typed, "path": os.path.realpath(os.path.expanduser(typed))}
