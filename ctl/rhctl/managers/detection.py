"""Finds this machine's service manager, and the manager that keeps the service for a home."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rhwire.errors import HarnessError

if TYPE_CHECKING:
    from rhctl.managers.manager import Manager
    from rhwire.home import Home


def find_manager() -> Manager:
    """Return this machine's; whether it can be reached is asked when it has to be."""
    if sys.platform == "darwin":
        from rhctl.managers.launchd import Launchd

        return Launchd()
    from rhctl.managers.systemd import Systemd

    return Systemd()


def find_service(home: Home) -> Manager | None:
    """Return the manager that keeps the service for `home`; None if none is installed for it."""
    manager = find_manager()
    try:
        installed = manager.installed()
    except HarnessError:  # files of that name that are not ours
        return None
    return manager if installed is not None and installed.home.socket == home.socket else None
