"""Connects to the daemon of a home, and starts one first where none runs."""

from __future__ import annotations

import sys

from rhctl.client import DaemonClient
from rhctl.errors import NoDaemon
from rhwire.errors import HarnessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rhwire.home import Home


def open_client(home: Home, *, may_start: bool) -> DaemonClient:
    """Return a connection to the daemon of `home`; if none runs and `may_start`, start one first.

    Raises:
        NoDaemon: none runs, and none was or could be started.
    """
    try:
        return DaemonClient.connect(home).greet()
    except NoDaemon:
        if not may_start:
            raise
    print("rhctl: starting the daemon", file=sys.stderr)
    return start_daemon(home)


def start_daemon(home: Home) -> DaemonClient:
    """Start the installed service, else a detached daemon, and return a connection once it serves.

    Raises:
        NoDaemon: it did not start; the message says why.
    """
    from rhctl.daemon_start import start_detached, wait_for_daemon
    from rhctl.managers.detection import find_service

    manager = find_service(home)
    if manager is None:
        return start_detached(home)
    try:
        manager.check()
        manager.launch()
    except HarnessError as error:
        raise NoDaemon(f"the service is installed, but {error.message}", next_step=error.next_step) from error
    return wait_for_daemon(home, None)
