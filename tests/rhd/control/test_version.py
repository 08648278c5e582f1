"""`version` on the socket."""

from __future__ import annotations

import os
import platform

from rhwire import messages
from rhwire.version import VERSION
from tests.support.inprocess import Running


async def test_what_runs_here(daemon: Running) -> None:
    assert await daemon.call("version") == {
        "version": VERSION,
        "protocol": messages.VERSION,
        "python": platform.python_version(),
        "pid": os.getpid(),
    }
