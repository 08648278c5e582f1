"""What the client itself finds out; the daemon's refusals arrive as `CommandRefused`."""

from __future__ import annotations

from rhwire.errors import HarnessError


class UsageError(HarnessError):
    """The command line is not understood; exit 2."""

    code = "USAGE"


class NoDaemon(HarnessError):
    """Nobody serves this home, and none was started; exit 3."""

    code = "NO_DAEMON"


class CommandRefused(HarnessError):
    """The daemon refused, with its own code and next step."""
