"""A process that is given sockets as systemd gives them, and says what it made of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def start_with(descriptors: list[int], names: str | None, control_path: str, *, is_for_it: bool = True) -> Any:
    """Return what `inherited` says in a process that has these descriptors as 3, 4, …"""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}/daemon:{ROOT}/ctl",
        "LISTEN_FDS": str(len(descriptors)),
        "LISTEN_X": "",
    }
    if names is not None:
        environment["LISTEN_FDNAMES"] = names

    def place() -> None:
        copies = [os.dup2(fd, 50 + number) for number, fd in enumerate(descriptors)]
        for number, copy in enumerate(copies):
            os.dup2(copy, 3 + number)

    command = [sys.executable, __file__, control_path, "1" if is_for_it else ""]
    done = subprocess.run(
        command,
        env=environment,
        preexec_fn=place,
        close_fds=False,
        capture_output=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


def main(control_path: str, is_for_us: str) -> Any:
    """Take what is inherited, and describe it."""
    from rhd.errors import StartRefused
    from rhd.hosting.sockets import inherited

    os.environ["LISTEN_PID"] = str(os.getpid() if is_for_us else os.getppid())
    try:
        sockets = inherited(control_path)
    except StartRefused as error:
        return {"refused": error.to_json()}
    return {
        "sockets": {name: [describe(sock) for sock in found] for name, found in sockets.items()},
        "environment": sorted(name for name in os.environ if name.startswith("LISTEN_")),
    }


def describe(sock: socket.socket) -> dict[str, Any]:
    return {
        "descriptor": sock.fileno(),
        "address": sock.getsockname(),
        "is_inheritable": sock.get_inheritable(),
        "is_blocking": sock.getblocking(),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
