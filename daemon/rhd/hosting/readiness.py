"""`Readiness`: what the service manager is told, by sd_notify(3)'s protocol. Where none listens, nothing happens."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger(__name__)


class Readiness:
    """Tells systemd how the daemon is. Nothing here raises or blocks: a daemon does not fail for want of a listener."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        """Make one that tells `address`, and has to be heard of every `watchdog_s`."""
        self._address = address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Readiness:
        """Return the service manager's interface. The variables are removed: no child process may notify."""
        address = environ.pop("NOTIFY_SOCKET", "")
        watchdog_us = environ.pop("WATCHDOG_USEC", "")
        is_for_us = environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(watchdog_us) / 1e6 if is_for_us and watchdog_us.isdigit() and int(watchdog_us) else None
        if address.startswith("@"):  # the abstract namespace
            address = "\0" + address[1:]
        elif not address.startswith("/"):
            return cls()
        return cls(address, watchdog_s)

    def ready(self, status: str) -> None:
        """Say that both sockets are served, after a start or a reload."""
        self._tell("READY=1", _status(status))

    def status(self, status: str) -> None:
        """Say in one line what the daemon does; `systemctl status` shows it."""
        self._tell(_status(status))

    def reloading(self) -> None:
        """Say that the settings are being read again; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Say that the daemon drains."""
        self._tell("STOPPING=1", _status(status))

    async def feed(self) -> None:
        """Feed the watchdog, from the loop itself: if it stalls, the manager kills and restarts us. Returns if none."""
        import trio  # here, so that a start that is refused says so without waiting for it

        while self._address is not None and self._watchdog_s is not None:
            self._tell("WATCHDOG=1")
            await trio.sleep(self._watchdog_s / 2)

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)
        except OSError as error:
            log.debug("the service manager was not told: %s", error.strerror)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())
