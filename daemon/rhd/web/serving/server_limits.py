"""`ServerLimits`: what clients of the public port may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one client, and all of them together, may take.

    Attributes:
        connections: how many are open at once, and never more than half of the descriptors that the process may have.
        unauthenticated: how many of them have shown no valid token with their last request.
        unfinished: how many of those have sent a part of a request; the oldest one gives way.
        of_owner: how many connections have shown a token of the same grant.
        header_bytes: how long a request's line and headers may be (431).
        header_s: how long they may take, from the first byte or, on a new connection, from accepting (408).
        body_s: how long the body may take, from the end of the headers (408).
        write_s: how long a client may leave what it is sent unread before it is dropped.
        keep_alive_s: how long a connection may be idle between requests; cloudflared keeps its own for 90 s.
        half_closed_s: how long a client that has closed its side waits for its answer.
        linger_s: how long a client has to read the last answer, and to close its side after ours.
        drain_s: how long after `stop` everything is over.
        drain_idle_s: how long a connection has been idle when draining closes it, where the sockets are held.
    """

    connections: int = 3072
    unauthenticated: int = 2048
    unfinished: int = 256
    of_owner: int = 128
    header_bytes: int = 16 * 1024
    header_s: float = 10
    body_s: float = 60
    write_s: float = 20
    keep_alive_s: float = 120
    half_closed_s: float = 10
    linger_s: float = 1
    drain_s: float = 2.2
    drain_idle_s: float = 1.7
