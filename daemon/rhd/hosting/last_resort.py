"""`LastResort`: ends the process when draining takes too long, whatever the event loop or a thread waits for."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class LastResort:
    """A timer in a thread of its own.

    Args:
        close: lets go of what the next daemon needs (sockets, the lock), before the process ends.
        end: ends the process, with an exit code.
    """

    def __init__(self, close: Callable[[], None], *, end: Callable[[int], object] = os._exit) -> None:
        self._close = close
        self._end = end
        self._is_over = threading.Event()

    def start(self, within_s: float) -> None:
        """End the process after so many seconds, unless `cancel` is called before."""
        threading.Thread(target=self._run, args=(within_s,), name="rhd-last-resort", daemon=True).start()

    def cancel(self) -> None:
        """Let the process end by itself."""
        self._is_over.set()

    def _run(self, within_s: float) -> None:
        if self._is_over.wait(within_s):
            return
        log.error("stop-took-too-long within_s=%g", within_s)
        try:
            self._close()
        except Exception:
            log.exception("close-failed")
        self._end(0)
