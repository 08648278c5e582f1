"""`Command`: one command of `rhctl` as a value, from which dispatch, help, docs, completion and the man page derive."""

from __future__ import annotations

import sys
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple

    from rhctl.options import Parser

    class Command(NamedTuple):
        """One command.

        Attributes:
            name: as typed, such as `auth-header`.
            group: one of `GROUPS`.
            help: one line in the imperative, for the list of commands.
            parser: builds its parser.
            run: carries it out and returns the exit code.
        """

        name: str
        group: str
        help: str
        parser: Callable[[], Parser]
        run: Callable[[Any], int]

else:
    Command = namedtuple("Command", "name group help parser run")  # typing.NamedTuple would import typing

REPOSITORIES = "Repositories"
CONNECT = "Connect a client"
ACCESS = "Decide who may do what"
DAEMON = "The daemon"
GROUPS = (REPOSITORIES, CONNECT, ACCESS, DAEMON)

NAMES = (
    "adopt",
    "approve",
    "audit",
    "auth-header",
    "clients",
    "completion",
    "config",
    "connect",
    "deny",
    "doctor",
    "endpoint",
    "events",
    "forget",
    "goal",
    "grant",
    "logs",
    "man",
    "metrics",
    "passphrase",
    "raw",
    "repos",
    "revoke",
    "run",
    "runs",
    "service",
    "setup",
    "show",
    "start",
    "status",
    "stop",
    "tunnel",
    "version",
)
"""Every command, sorted. Each is a module of `rhctl.commands` with a `COMMAND`, imported only when it is needed."""


def find_command(name: str) -> Command:
    """Return the command of this name; it must be one of `NAMES`."""
    module = f"rhctl.commands.{name.replace('-', '_')}"
    __import__(module)
    command: Command = sys.modules[module].COMMAND
    return command


def run_command(name: str, arguments: list[str]) -> int:
    """Run the command of this name and return its exit code.

    Raises:
        HarnessError: the arguments are not understood, or what the command refuses.
    """
    command = find_command(name)
    return command.run(command.parser().parse_args(arguments))


COMMON = (
    *("adopt", "status", "goal", "events"),
    *("setup", "endpoint", "start"),
    *("clients", "approve", "passphrase"),
    *("doctor", "service"),
)
"""What most people want, each with its line in the short help."""


def short_overview() -> str:
    """Return the help that fits a screen: the common commands of each group, and the names of the others."""
    width = max(len(name) for name in COMMON)
    lines = ["usage: rhctl COMMAND [OPTION…]", ""]
    for group in GROUPS:
        commands = {name: command for name in NAMES if (command := find_command(name)).group == group}
        lines.append(f"{group}:")
        lines += [f"  {name:<{width}}  {commands[name].help}" for name in COMMON if name in commands]
        lines.append(f"  {'also':<{width}}  {', '.join(name for name in commands if name not in COMMON)}")
    lines.append("All of them: rhctl help --all. Options and an example: rhctl COMMAND --help")
    return "\n".join(lines) + "\n"


def overview() -> str:
    """Return the help that lists every command by group."""
    commands = [find_command(name) for name in NAMES]
    width = max(len(name) for name in NAMES)
    lines = [
        "usage: rhctl COMMAND [OPTION…]",
        "",
        "Gives planning models the workflow artifacts of your repositories, and nothing",
        "else of them.",
    ]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        lines += [f"  {c.name:<{width}}  {c.help}" for c in commands if c.group == group]
    lines += ["", "Every command takes --json, --home FOLDER, --color WHEN and --help."]
    return "\n".join(lines) + "\n"
