"""What the client itself finds out; the daemon's refusals arrive as `CommandRefused`."""

from __future__ import annotations

from rhwire.errors import HarnessError


class UsageError(HarnessError):
    """The command line is not understood; exit 2."""

    code = "USAGE"


class NoDaemon(HarnessError):
    """No daemon serves this home, and none was started; exit 3."""

    code = "NO_DAEMON"


class DaemonHangs(HarnessError):
    """The daemon's process lives, but has sent nothing for 10 seconds; exit 1."""

    code = "DAEMON_HANGS"

    def __init__(self, pid: int | None) -> None:
        who = f"process {pid}" if pid else "its process"
        end = f"kill -9 {pid}" if pid else "kill -9 PID"
        super().__init__(
            f"the daemon ({who}) does not answer",
            next_step=f"Restart it with: rhctl service restart; without a service, end it with: {end}",
        )


class CommandRefused(HarnessError):
    """The daemon refused, with its own code and next step."""
