"""What stands in for a daemon where only its life matters: a process that holds a home's lock and answers there.

    python -S standin.py [--home FOLDER] [--port PORT]

It serves a twentieth of a second after it was started, ends at SIGTERM, and answers `status` with its pid and the
port, and everything else with nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import FrameType
from typing import Any

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "ctl")]

from rhwire.errors import HarnessError  # noqa: E402
from rhwire.home import Home  # noqa: E402
from rhwire.lock import ask_lock, take_lock  # noqa: E402
from rhwire.messages import Request, encode_result  # noqa: E402

SERVES_WITHIN_S = 20.0


def program() -> list[str]:
    """Return the command that runs one."""
    return [sys.executable, "-S", "-P", __file__]


def start(home: Home, port: int) -> subprocess.Popen[bytes]:
    """Start one and return it once it serves; the process that started it waits for it."""
    process = subprocess.Popen([*program(), "--home", home.base, "--port", str(port)], stdin=subprocess.DEVNULL)
    until = time.monotonic() + SERVES_WITHIN_S
    while not os.path.exists(home.socket) or ask_lock(home.lock) != process.pid:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    return process


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    parser.add_argument("--port", type=int)
    args = parser.parse_args()
    home = Home.find(args.home)
    try:
        home.prepare()
        take_lock(home.lock)
    except HarnessError as error:
        sys.exit(f"rhd: {error.message}.")
    signal.signal(signal.SIGTERM, lambda number, frame: leave(number, frame, home))
    with socket.socket(socket.AF_UNIX) as sock:
        Path(home.socket).unlink(missing_ok=True)
        sock.bind(home.socket)
        sock.listen()
        while True:
            connection, _ = sock.accept()
            with connection:
                answer(connection, {"pid": os.getpid(), "url": f"http://127.0.0.1:{args.port or recorded_port(home)}"})


def leave(number: int, frame: FrameType | None, home: Home) -> None:
    """End as a daemon that has drained does."""
    os.unlink(home.socket)
    os._exit(0)


def recorded_port(home: Home) -> int:
    """Return the port that a home's settings name."""
    try:
        config = Path(json.loads(Path(home.record).read_text())["config"])
        return int(tomllib.loads(config.read_text())["port"])
    except (FileNotFoundError, KeyError):
        return 8765


def answer(connection: socket.socket, daemon: dict[str, Any]) -> None:
    """Answer what one connection asks until it hangs up."""
    with connection.makefile("rb") as lines:
        for line in lines:
            request = Request.decode(line.rstrip(b"\n"))
            connection.sendall(encode_result(request.id, {"daemon": daemon} if request.method == "status" else {}))


if __name__ == "__main__":
    main()
