"""`rhctl` and `python -m rhctl`."""

from __future__ import annotations

import os
import sys

from rhctl.errors import UsageError
from rhctl.verbs import VERBS, overview
from rhwire.errors import HarnessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview())
        return 0 if argv else 2
    if argv[0] == "--version":
        argv = ["version", *argv[1:]]
    return guard("rhctl", argv, lambda: _run(argv))


def _run(argv: list[str]) -> int:
    name, rest = argv[0], argv[1:]
    if name not in VERBS:
        near = [verb for verb in VERBS if verb.startswith(name[:3])] if len(name) > 2 else []
        hint = f"Did you mean: rhctl {near[0]}" if near else "List the commands with: rhctl --help"
        raise UsageError(f"there is no command {name!r}", next_step=hint)
    module = f"rhctl.commands.{name.replace('-', '_')}"
    __import__(module)
    command: Callable[[list[str]], int] = sys.modules[module].run
    return command(rest)


def guard(program: str, argv: list[str], run: Callable[[], int]) -> int:
    """Run a command, tell its errors as people and programs expect them, and return its exit code."""
    try:
        code = run()
        sys.stdout.flush()
        return code
    except HarnessError as error:
        if "--json" in argv:
            import json

            sys.stdout.write(json.dumps({"error": error.to_json()}, ensure_ascii=False) + "\n")
        else:
            from rhwire.escape import escape

            sys.stderr.write(f"{program}: {escape(error.message)}\n")
            if error.next_step:
                sys.stderr.write(f"  {escape(error.next_step)}\n")
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
