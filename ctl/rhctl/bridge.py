"""Bytes between stdin/stdout and the daemon. Looks at none of them."""

from __future__ import annotations

import _thread  # threading would cost an agent's first answer its import
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

CHUNK_BYTES = 1 << 16
NEXT_STEP = "Start the server again in your agent; if it stays so: rhctl doctor"


def pump(sock: socket.socket, rest: bytes = b"") -> int:
    """Copy both ways until the agent or the daemon ends it.

    Each way has a thread of its own: an agent that writes a long message before it reads must not keep the daemon's
    from being read, nor the other way round, or all three wait for each other.

    Returns:
        0 after the agent closed stdin and every answer was passed on; 1 if the daemon went away first.
    """
    sock.setblocking(True)
    has_left = False

    def send() -> None:
        nonlocal has_left
        try:
            while data := os.read(0, CHUNK_BYTES):
                sock.sendall(data)
            has_left = True
            sock.shutdown(1)  # what is still being answered comes, then the daemon hangs up
        except OSError:
            pass  # the daemon has gone, which whoever reads from it sees

    _write(1, rest)
    _thread.start_new_thread(send, ())
    while data := _receive(sock):
        _write(1, data)
    if has_left:
        return 0
    sys.stderr.write(f"rhctl: the daemon closed the connection\n  {NEXT_STEP}\n")
    return 1


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(CHUNK_BYTES)
    except ConnectionResetError:
        return b""


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
