"""`python -m rhd` and the `rhd` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the daemon in the foreground; return its exit code."""
    # The SDK's streams import uvicorn, if it is there, to hear of its signals; with what that imports it takes 4 MB.
    sys.modules["uvicorn"] = None  # type: ignore[assignment]
    from rhd.commandline import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
