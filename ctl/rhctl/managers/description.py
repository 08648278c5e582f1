"""What is installed and runs of the daemon's service, and what to do next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rhctl.managers import actions
from rhwire.errors import HarnessError
from rhwire.lock import ask_lock

if TYPE_CHECKING:
    from typing import Any

    from rhctl.managers.actions import Subject


def describe(subject: Subject) -> dict[str, Any]:
    """Return what is installed, what runs, and what to do next. Starts nothing."""
    manager, service = subject.manager, subject.service
    try:
        manager.check()
        state, unreachable = manager.state(), None
    except HarnessError as error:
        state, unreachable = None, error
    problem = unreachable.message if unreachable else state.problem if state else None
    pid = ask_lock(subject.home.lock)
    is_service = pid is not None and state is not None and pid == state.pid
    found = {
        "manager": manager.name if unreachable is None else None,
        "home": subject.home.base,
        "installed": service is not None,
        "installed_home": subject.installed.home.base if subject.installed else None,
        "enabled": state.is_enabled if service and state else None,
        "sockets": state.sockets if service and state else None,
        "service": state.service if service and state else None,
        "pid": pid or None,
        "is_service": is_service if pid is not None else None,
        "url": actions.ask_url(subject.home) or (service.url if service else None),
        "files": [path for path in manager.files if os.path.lexists(path)] if service else [],
        "lingers": manager.lingers() if unreachable is None else None,
        "log": manager.log_command() if service else subject.home.log,
        "problem": (problem or actions.find_drift(service)) if service else None,
        "next_step": None,
    }
    found["next_step"] = _next_step(found, unreachable)
    return found


def _next_step(found: dict[str, Any], unreachable: HarnessError | None) -> str | None:
    if not found["installed"]:
        if found["installed_home"]:
            return f"Uninstall the other one first: rhctl service uninstall --home {found['installed_home']}"
        if unreachable is None:
            return "Install it with: rhctl service install"
        return None if found["pid"] else "Start a detached daemon with: rhctl service start"
    if unreachable is not None:
        return unreachable.next_step
    if found["pid"] and not found["is_service"]:
        return "Let the service take over: rhctl service restart"
    if found["problem"] and found["service"] != "active":
        return f"Correct it, then: rhctl service start. What it says: {found['log']}"
    if found["problem"]:
        return "Take the settings over, once they can be used: rhctl service restart"
    if found["service"] != "active" and found["sockets"] != "active":
        return "Start it with: rhctl service start"
    if found["sockets"] != "active":
        return "Open its sockets again: rhctl service restart"
    if not found["enabled"]:
        return "Have it start with your session: rhctl service install"
    return "Have it start with the machine: loginctl enable-linger" if found["lingers"] is False else None
