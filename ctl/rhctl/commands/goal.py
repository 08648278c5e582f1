"""`rhctl goal`."""

from __future__ import annotations

import os

from rhctl.command import REPOSITORIES, Command
from rhctl.daemon_access import open_client
from rhctl.options import add_repo, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhwire.errors import HarnessError
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser

COPY_WITHIN_S = 5.0
# Each with the variable without which it has nothing to copy to.
_CLIPBOARDS = (
    ("pbcopy", (), ""),
    ("wl-copy", (), "WAYLAND_DISPLAY"),
    ("xclip", ("-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("--clipboard", "--input"), "DISPLAY"),
    ("clip.exe", (), ""),
)


def build_parser() -> Parser:
    """Return the parser of `rhctl goal`."""
    parser = make_parser(
        "goal",
        "Print the prompt of the goal that the planner prepared, to paste into Codex or Claude Code. Both take it as "
        "the condition that they work towards.",
        "rhctl goal --copy",
    )
    add_repo(parser)
    parser.add_argument("--copy", action="store_true", help="copy it to the clipboard as well")
    return parser


def run(args: Any) -> int:
    """Print the prompt, and copy it if asked to."""
    with open_client(Home.find(args.home), may_start=not args.no_start) as client:
        goal = client.call("goal", repo_params(args.repo))
    if args.copy:
        copy(goal["prompt"])
    if args.json:
        say_json(goal)
    else:
        for line in goal["prompt"].split("\n"):
            say(escape(line))
    return 0


def copy(text: str) -> None:
    """Put a text on the clipboard.

    Raises:
        HarnessError: NOT_FOUND, no tool for that is there; TIMEOUT, it does not answer.
    """
    import shutil
    import subprocess

    for name, options, variable in _CLIPBOARDS:
        if (program := shutil.which(name)) is None or (variable and not os.environ.get(variable)):
            continue
        try:
            done = subprocess.run(
                [program, *options],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=COPY_WITHIN_S,
            )
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{name} does not answer", code="TIMEOUT", next_step=_WITHOUT) from None
        if done.returncode == 0:
            return
    raise HarnessError("no clipboard can be written to here", code="NOT_FOUND", next_step=_WITHOUT)


_WITHOUT = "Leave --copy out, and copy what is printed. Clipboard tools: pbcopy, wl-copy, xclip, xsel."

COMMAND = Command("goal", REPOSITORIES, "Print the prompt of the prepared goal", build_parser, run)
