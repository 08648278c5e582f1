"""`rhctl` and `python -m rhctl`."""

from __future__ import annotations

import errno
import os
import sys

from rhctl.command import NAMES, overview, run_command, short_overview
from rhctl.errors import UsageError
from rhctl.home_in_commands import name_home, use_home
from rhctl.rendering import say_json
from rhctl.terminal import BAD, paint, use_color
from rhwire.errors import HarnessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
"""The exit code of a command that was ended with Ctrl-C, as shells have it."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return guard("rhctl", argv, lambda: _run(argv))


def _run(argv: list[str]) -> int:
    before, argv = _split_options(argv)
    if before and not argv:
        raise UsageError("no command is named", next_step="List the commands with: rhctl --help")
    is_help = bool(argv) and argv[0] in ("help", "--help", "-h")
    if not argv or (is_help and argv[1:] in ([], ["--all"])):
        sys.stdout.write(overview() if "--all" in argv else short_overview())
        return 0 if argv else 2
    name, rest = argv[0], [*argv[1:], *before]
    if is_help:
        name, rest = rest[0], ["--help"]
    elif name == "--version":
        name = "version"
    if name not in NAMES:
        raise _unknown(name, rest)
    return run_command(name, rest)


def _split_options(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return the options that stand before the command and belong to every command, and the rest."""
    at = 0
    while at < len(argv):
        if argv[at] == "--json" or argv[at].startswith(("--home=", "--color=")):
            at += 1
        elif argv[at] in ("--home", "--color"):
            if at + 1 == len(argv):
                raise UsageError(f"{argv[at]} is given no value", next_step="See: rhctl --help")
            at += 2
        else:
            break
    return argv[:at], argv[at:]


def _unknown(name: str, rest: list[str]) -> UsageError:
    if name.startswith("-"):
        return UsageError(f"{name} comes before any command", next_step="Options stand behind it: rhctl status --json")
    import difflib

    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f"Did you mean: rhctl {' '.join([*near, *rest])}" if near else "List the commands with: rhctl --help"
    return UsageError(f"there is no command {name!r}", next_step=hint)


def guard(program: str, argv: list[str], run: Callable[[], int]) -> int:
    """Run a command, tell its errors as people and programs expect them, and return its exit code."""
    _prepare_streams()
    use_color("auto")
    try:
        try:
            use_home(argv)
            code = run()
        except HarnessError as error:
            code = _tell(program, error, as_json="--json" in argv)
        except OSError as error:
            if error.filename is None or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            full = HarnessError(f"cannot write {error.filename!r}: the disk is full", code="DISK_FULL")
            code = _tell(program, full, as_json="--json" in argv)
        except SystemExit as leaving:  # argparse has shown its help
            code = int(leaving.code or 0)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # the reader (head, less) has seen enough
        return 0
    except OSError as error:
        _drop_output()
        what = "the output" if error.filename is None else repr(error.filename)
        sys.stderr.write(f"{program}: {what}: {error.strerror}\n")
        return 1


def _tell(program: str, error: HarnessError, *, as_json: bool) -> int:
    if as_json:
        say_json({"error": error.to_json()})
    else:
        from rhwire.escape import escape

        sys.stdout.flush()
        sys.stderr.write(f"{paint(f'{program}:', BAD, sys.stderr)} {escape(error.message)}\n")
        if error.next_step:
            sys.stderr.write(f"  {escape(name_home(error.next_step))}\n")
    return error.exit_code


def _prepare_streams() -> None:
    """Make sure that whatever is printed can be printed."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # The parent closed it. Opened in this order, each gets its own number, which a socket would get.
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8, a name that is none


def _drop_output() -> None:
    """Write nothing more, not even what the interpreter still holds when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
