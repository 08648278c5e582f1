"""Ends a daemon, whatever started it: asks the process that holds the home's lock to drain, and waits until it has."""

from __future__ import annotations

import os
import signal
import time

from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import ask_lock

WITHIN_S = 15.0
"""Draining takes at most 3 seconds; what is being written then finishes."""


def end_daemon(home: Home) -> int | None:
    """Let the daemon that serves `home` drain, and return its pid once it is gone; None if none ran.

    It is told by SIGTERM rather than over its socket: that works whatever its version, and however busy it is.

    Raises:
        HarnessError: TIMEOUT, it does not end.
    """
    if (pid := _ask_to_end(home)) is None:
        return None
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        if ask_lock(home.lock) not in (pid, 0):
            return pid
        time.sleep(0.02)
    raise HarnessError(
        f"process {pid} has been told to end and does not",
        code="TIMEOUT",
        next_step=f"Look at its log; as a last resort end it with: kill -9 {pid}",
    )


def _ask_to_end(home: Home) -> int | None:
    """Send SIGTERM to the process that holds the lock, and to no other that got its number since."""
    until = time.monotonic() + WITHIN_S
    while (pid := ask_lock(home.lock)) is not None:
        if pid:
            handle = _open_process(pid)
            if ask_lock(home.lock) == pid:  # so the handle is of the daemon that still lives
                _send(handle, pid)
                return pid
        elif time.monotonic() > until:
            raise HarnessError(f"the lock {home.lock} is held, but does not say by whom", code="TIMEOUT")
        time.sleep(0.01)  # it has taken the lock this moment and not written its number yet
    return None


def _open_process(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # macOS has none; or it has just ended
        return None


def _send(handle: int | None, pid: int) -> None:
    try:
        if handle is None:
            os.kill(pid, signal.SIGTERM)
        else:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        pass
    finally:
        if handle is not None:
            os.close(handle)
