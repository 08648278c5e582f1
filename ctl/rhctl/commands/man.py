"""`rhctl man`: the manual page, made from the command values."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

from rhctl.command import DAEMON, GROUPS, NAMES, Command, find_command
from rhctl.options import make_parser
from rhctl.rendering import say, say_json
from rhctl.terminal import is_terminal
from rhwire.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rhctl.options import Parser

EXIT_CODES = (
    ("0", "It is done."),
    ("1", "The daemon or the command refused; the message says why and what to do."),
    ("2", "The command line was not understood."),
    ("3", "No daemon runs, and none was or could be started."),
    ("4", "No such repository is adopted."),
    ("130", "It was interrupted."),
)


def build_parser() -> Parser:
    """Return the parser of `rhctl man`."""
    return make_parser(
        "man",
        "Show the manual page of rhctl; where standard output is no terminal, print its source. To install it: "
        "rhctl man > ~/.local/share/man/man1/rhctl.1",
        "rhctl man",
        starts=False,
    )


def run(args: Any) -> int:
    """Show the manual page, or print its source."""
    page = make_page()
    if args.json:
        say_json({"page": page})
    elif not is_terminal() or not _show(page):
        say(page.rstrip("\n"))
    return 0


def _show(page: str) -> bool:
    """Show a page with the system's `man`; return whether there is one."""
    with tempfile.NamedTemporaryFile("w", suffix=".1", encoding="utf-8") as stream:
        stream.write(page)
        stream.flush()
        sys.stdout.flush()
        try:
            return subprocess.run(["man", stream.name], check=False).returncode == 0
        except FileNotFoundError:
            return False


def make_page() -> str:
    """Return the source of rhctl(1)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f'.TH RHCTL 1 "" "repo-harness {VERSION}" "User Commands"'
    yield ".SH NAME"
    yield "rhctl \\- adopt repositories, connect clients and run the repo\\-harness daemon"
    yield ".SH SYNOPSIS"
    yield ".B rhctl"
    yield ".I COMMAND"
    yield "[\\fIOPTION\\fR...]"
    yield ".SH DESCRIPTION"
    yield from _text(
        "Gives planning models the workflow artifacts of your repositories over MCP, and nothing else of them. Each "
        "command talks to the daemon, rhd, over a Unix socket. REPO is an adopted repository's name, or a path in it."
    )
    commands = [find_command(name) for name in NAMES]
    for group in GROUPS:
        yield f".SH {_escape(group.upper())}"
        for command in commands:
            if command.group == group:
                yield from _command(command)
    yield ".SH EXIT STATUS"
    for code, about in EXIT_CODES:
        yield from _entry(code, about)
    yield ".SH ENVIRONMENT"
    yield from _entry("REPO_HARNESS_HOME", "The daemon's home, where --home is not given.")
    yield from _entry("NO_COLOR", "If it is set, nothing is coloured.")
    yield ".SH SEE ALSO"
    yield from _text("rhd --help, and the pages of docs/ that come with the sources: operations, clients, security.")


def _command(command: Command) -> Iterator[str]:
    parser = command.parser()
    yield f".SS {_escape(f'rhctl {command.name}')}"
    yield from _text(f"{command.help}. {parser.description or ''}")
    for action in parser.arguments:
        if action.help == argparse.SUPPRESS or "--help" in action.option_strings:
            continue
        name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        takes = "" if action.option_strings and action.nargs == 0 else name
        words = ", ".join(action.option_strings) + (f" {takes}" if action.option_strings and takes else "")
        yield from _entry(words.strip() or takes, (action.help or "").replace("%%", "%"))
    yield ".PP"
    yield "Example:"
    yield ".PP"
    yield f".RS\n.B {_escape(parser.example)}\n.RE"


def _entry(term: str, about: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_escape(term)}"
    yield from _text(about or " ")


def _text(text: str) -> Iterator[str]:
    """Yield prose; of a table, which is text in lines of its own, each line."""
    is_table = "\n" in text
    for line in text.split("\n"):
        yield (_escape(line) or ".PP") if line.strip() else ".PP"
        if is_table:
            yield ".br"


def _escape(text: str) -> str:
    """Return text as roff prints it, whatever a line of it begins with."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


COMMAND = Command("man", DAEMON, "Show the manual page", build_parser, run)
