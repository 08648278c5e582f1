"""Says whether another program listens on a port, before anything is written that names it."""

from __future__ import annotations

import errno
import socket


def is_port_taken(host: str, port: int) -> bool:
    """Say whether a program listens on this address and port.

    Args:
        host: a literal address, or `localhost` for 127.0.0.1.
    """
    address = "127.0.0.1" if host == "localhost" else host
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
