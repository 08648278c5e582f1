"""Two daemons that are started at the same moment for one home."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from rhwire.codes import CODES
from tests.support.daemons import READY_WITHIN_S, environment


class Loser(NamedTuple):
    """The one that ended by itself.

    Attributes:
        code: its exit code.
        said: what it printed on standard error.
    """

    code: int
    said: str

    @property
    def next_step(self) -> str:
        """What the refusal that it owes has to advise."""
        return CODES["DAEMON_RUNNING"][1]


def race(home: Path, notify: socket.socket | None = None) -> tuple[Loser, subprocess.Popen[str]]:
    """Start two, wait until one has ended, and return it and the one that goes on.

    Args:
        notify: told by both how they are, as a service manager would be.
    """
    address = {"NOTIFY_SOCKET": str(notify.getsockname())} if notify else {}
    command = [sys.executable, "-m", "rhd", "--home", str(home), "--port", "0"]
    rivals = [
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**address),
        )
        for _ in range(2)
    ]
    try:
        handles = {os.pidfd_open(rival.pid): rival for rival in rivals}
        ended, _, _ = select.select(list(handles), [], [], READY_WITHIN_S)
        assert ended, "both live"
        loser = handles[ended[0]]
        (winner,) = (rival for rival in rivals if rival is not loser)
        for handle in handles:
            os.close(handle)
        _, said = loser.communicate(timeout=10)
        assert winner.poll() is None, f"both ended: {said!r} {winner.communicate()[1]!r}"
    except BaseException:
        for rival in rivals:
            rival.kill()
        raise
    return Loser(loser.returncode, said), winner
