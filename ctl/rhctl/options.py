"""Command lines: one small parser, built for the command that runs and for no other."""

from __future__ import annotations

import argparse
import os

from rhctl.errors import UsageError
from rhctl.terminal import COLORS, use_color

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from rhwire.home import Home

PROFILES = ("planner", "executor", "orchestrator")
"""As the daemon knows them; it has the last word."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: code USAGE, exit 2, JSON where JSON was asked for.

    Options may stand anywhere between the arguments, which argparse by itself allows only where none is optional.
    """

    def __init__(self, prog: str, about: str, example: str) -> None:
        super().__init__(prog=prog, description=about, allow_abbrev=False, formatter_class=_formatter)
        self.example = example

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Return what the arguments say.

        Raises:
            UsageError: they are not understood.
            SystemExit: help was asked for, and printed.
        """
        needed = [action for action in self._actions if action.required]
        if needed and args is not None and not args:  # argparse would name the options alone
            names = [str((*action.option_strings, action.metavar)[0]) for action in needed]
            self.error(f"the following arguments are required: {', '.join(names)}")
        found, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        import difflib

        options = [option for action in self._actions for option in action.option_strings]
        near = difflib.get_close_matches(unknown[0].partition("=")[0], options, 1) if unknown[0][:1] == "-" else []
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}", next_step=f"{hint}See: {self.prog} --help")

    @property
    def arguments(self) -> list[argparse.Action]:
        """Every argument and option, as argparse has it: from them completion and the man page are made."""
        return self._actions

    def format_help(self) -> str:
        """Return the help, with the example on a line of its own: argparse would fill it into a paragraph."""
        return f"{super().format_help()}\nexample:\n  {self.example}\n"

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print and exit with."""
        raise UsageError(message, next_step=f"See: {self.prog} --help")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return what every `add_argument` makes one of; without a width it imports shutil, and with it three archivers."""
    try:
        columns = int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        try:
            columns = os.get_terminal_size().columns
        except OSError:
            columns = 80
    return argparse.HelpFormatter(prog, width=columns - 2)


def make_parser(
    name: str, about: str, example: str, *, program: str = "rhctl", starts: bool = True, streams: bool = False
) -> Parser:
    """Return a command's parser with what every command has.

    Args:
        starts: the command needs a daemon and starts one, unless --no-start is given.
        streams: it may print more than one object.
    """
    parser = Parser(f"{program} {name}", about, example)
    what = "print JSON, a stream one object a line" if streams else "print one JSON object"
    parser.add_argument("--json", action="store_true", help=what)
    parser.add_argument("--home", metavar="FOLDER", help="the daemon's home, if not the default one")
    parser.add_argument(
        "--color",
        action=_Color,
        type=choice("colour choice", COLORS),
        metavar="WHEN",
        help="auto, always or never (default: auto, in a terminal unless NO_COLOR is set)",
    )
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


def add_profile(parser: Parser, about: str, **options: Any) -> None:
    """Add the option that names a profile, which may be given once; `options` are argparse's."""
    options = {"action": _GivenOnce, **options}
    parser.add_argument("--profile", type=choice("profile", PROFILES), metavar="PROFILE", help=about, **options)


def add_runner(parser: Parser) -> None:
    """Add the options that let agents be run."""
    parser.add_argument(
        "--enable-dev-runner", action="store_true", help="let this profile run agents (with --profile orchestrator)"
    )
    parser.add_argument("--dev-runner-agents", metavar="A,B", help="the agents that may be run (default: codex)")


def choice(what: str, known: Sequence[str]) -> Callable[[str], str]:
    """Return an argument type that admits what is known, and suggests the nearest of it for a typing error."""

    return _Choice(what, known)


class _Choice:
    """An argument type that admits what is `known`."""

    def __init__(self, what: str, known: Sequence[str]) -> None:
        self.known = known
        self._what = what

    def __call__(self, typed: str) -> str:
        if typed in self.known:
            return typed
        import difflib

        near = difflib.get_close_matches(typed, self.known, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"there is no {self._what} {typed!r}", next_step=f"{hint}Known: {', '.join(self.known)}")


class _Color(argparse.Action):
    """`--color`, which applies to the rest of the command at once, its errors included."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        use_color(values)


class _GivenOnce(argparse.Action):
    """An option that is refused when it is given again: argparse would drop the one before without a word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        mark = f"_{self.dest}_is_given"
        if hasattr(namespace, mark):
            raise UsageError(f"{option} can be given once", next_step="Repeat the command for each.")
        setattr(namespace, mark, True)
        setattr(namespace, self.dest, values)


def parse_since(text: str | None) -> str | None:
    """Return the time that `--since` means as RFC 3339 UTC; `30m`, `2h` and `7d` are so long before now.

    Raises:
        UsageError: it is neither such a duration nor a time with its offset.
    """
    if text is None:
        return None
    from rhwire.times import format_time

    lengths = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if text[:-1].isdecimal() and text[-1:] in lengths:
        import time

        return format_time(max(0.0, time.time() - int(text[:-1]) * lengths[text[-1]]))
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"{text!r} is no time", next_step="Write it as 30m, 2h, 7d or 2026-11-22T10:00:00Z (with Z or an offset)."
        )
    return format_time(moment.timestamp())


def home_words(home: Home) -> str:
    """Return ` --home FOLDER` for a command that is shown to be typed; nothing if it finds this home by itself."""
    if home.is_default:
        return ""
    import shlex

    return f" --home {shlex.quote(home.base)}"


def repo_params(typed: str | None, *, around: bool = True) -> dict[str, Any]:
    """Return how a request names a repository: what was typed, and the real path that it is, if it can be one.

    Args:
        typed: a slug or a path, or None.
        around: None means the repository around the current folder; otherwise it means all of them.

    Raises:
        UsageError: the current folder does not exist any more.
    """
    if typed is None:
        return {"path": real_path(".")} if around else {}
    if "/" in typed or typed in (".", "..", "~") or os.path.lexists(typed):
        return {"repo": typed, "path": real_path(typed)}
    return {"repo": typed}  # a mistyped slug is not taken for a file that might be in the repository around


def real_path(typed: str) -> str:
    """Return the absolute real path of what was typed, whether or not anything is there.

    Raises:
        UsageError: it is relative to a current folder that does not exist any more.
    """
    try:
        return os.path.realpath(os.path.expanduser(typed))
    except FileNotFoundError:
        raise UsageError(
            "the current folder does not exist any more", next_step="Go to one that does, or name an absolute path."
        ) from None
