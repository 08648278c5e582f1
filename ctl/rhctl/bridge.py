"""Bytes between stdin/stdout and the daemon. Looks at none of them."""

from __future__ import annotations

import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket


def pump(sock: socket.socket, rest: bytes = b"") -> int:
    """Copy both ways until the agent or the daemon ends it.

    Returns:
        0 after the agent closed stdin and every answer was passed on; 1 if the daemon went away first.
    """
    sock.setblocking(True)
    fd = sock.fileno()
    _write(1, rest)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(fd, select.POLLIN)
    is_open = True
    while True:
        for ready, _ in poll.poll():
            try:
                data = os.read(ready, 1 << 16)
                if ready == 0 and data:
                    sock.sendall(data)
                    continue
            except (BrokenPipeError, ConnectionResetError):
                ready, data = fd, b""
            if ready == 0:
                poll.unregister(0)
                is_open = False
                sock.shutdown(1)  # what is still being answered comes, then the daemon hangs up
            elif data:
                _write(1, data)
            elif is_open:
                sys.stderr.write("rhctl: the daemon closed the connection\n")
                return 1
            else:
                return 0


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
