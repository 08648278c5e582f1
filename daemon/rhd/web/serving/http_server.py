"""`serve`: accepting, the limits of one client and of all together, draining."""

from __future__ import annotations

import errno
import logging
import resource
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from rhd.asgi import ASGIApp
from rhd.web.serving.connection import HttpConnection, is_readable
from rhd.web.serving.http11 import configure

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
_ACCEPT_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one client, and all of them together, may take.

    Attributes:
        connections: how many are open at once, and never more than half of the descriptors that the process may
            have. Beyond it the one that has been without a request for longest is closed; if all are in a
            request, accepting waits.
        header_bytes: how long a request's line and headers may be (431). What the same read brings passes.
        header_s: how long they may take, from the first byte or, on a new connection, from accepting (408).
        body_s: how long the body may take, from the end of the headers (408).
        write_s: how long a client may leave what it is sent unread before it is dropped.
        keep_alive_s: how long a connection may be idle between requests.
        linger_s: how long a client has to read the last answer, and to close its side after ours.
        drain_s: how long after `stop` everything is over.
        drain_idle_s: how long a connection has been idle when draining closes it.
    """

    connections: int = 2048
    header_bytes: int = 32 * 1024
    header_s: float = 10
    body_s: float = 60
    write_s: float = 20
    keep_alive_s: float = 75
    linger_s: float = 1
    drain_s: float = 2.5
    drain_idle_s: float = 2


_DEFAULT = ServerLimits()


async def serve(
    app: ASGIApp,
    listeners: Sequence[trio.SocketListener],
    *,
    limits: ServerLimits = _DEFAULT,
    stop: trio.Event,
    is_held: bool = False,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `stop` is set and what was begun is done; return `limits.drain_s` after that at the latest.

    The app is run for `http` scopes alone, without lifespan. It is cancelled when its client leaves. If it fails,
    its client gets 500 or, once the answer has begun, a connection that breaks off.

    Args:
        listeners: listening sockets; `task_status` says that they are served, and returns the server.
        stop: ends accepting, then drains.
        is_held: somebody holds the listening sockets and has them served again. They are left open, and whoever
            was not accepted is left to wait. Otherwise all who wait are accepted, then the sockets closed.
    """
    async with trio.open_nursery() as connections:
        server = Server(app, limits, connections)
        try:
            accepting = [server.start_accepting(listener) for listener in listeners]
            task_status.started(server)
            await stop.wait()
            server.drain()
            for scope in accepting:
                scope.cancel()
            with trio.move_on_after(limits.drain_s):
                if not is_held:
                    for listener in listeners:
                        await server.accept_waiting(listener)
                        await listener.aclose()
                await server.wait_until_empty()
        finally:
            server.abort()
            connections.cancel_scope.cancel()


class Server:
    """The connections of one `serve`.

    Attributes:
        idle: those that are in no request, the one that has been so for longest first.
    """

    def __init__(self, app: ASGIApp, limits: ServerLimits, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.app = app
        self.limits = limits
        self.config = configure(limits.header_bytes)
        self.idle: dict[HttpConnection, None] = {}
        self.is_draining = False
        self._live: set[HttpConnection] = set()
        self._news = trio.lowlevel.ParkingLot()
        self._most = limits.connections
        if (descriptors := resource.getrlimit(resource.RLIMIT_NOFILE)[0]) != resource.RLIM_INFINITY:
            self._most = min(limits.connections, descriptors // 2)

    def start_accepting(self, listener: trio.SocketListener) -> trio.CancelScope:
        """Accept the connections of a listener until the scope that is returned is cancelled, or the server ends."""
        scope = trio.CancelScope()
        if sys.platform == "linux" and listener.socket.family != socket.AF_UNIX:
            # Accepted sockets inherit it: the kernel too gives up on a client that does not read.
            listener.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.limits.write_s * 1000))
        self._nursery.start_soon(self._accept, listener, scope)
        return scope

    async def _accept(self, listener: trio.SocketListener, scope: trio.CancelScope) -> None:
        with scope:
            await self._accept_for_ever(listener)

    async def _accept_for_ever(self, listener: trio.SocketListener) -> None:
        complained_of = None
        while True:
            # Nobody is closed for nobody; and accept(2) lacks a descriptor whether or not somebody waits.
            await trio.lowlevel.wait_readable(listener.socket)
            if len(self._live) >= self._most:
                self._make_room()
                await self._news.park()
                continue
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno != complained_of:
                    complained_of = error.errno
                    log.error("cannot accept connections: %s", errno.errorcode.get(error.errno or 0, "unknown"))
                if error.errno in _OUT_OF_RESOURCES:
                    self._make_room()
                await trio.sleep(_ACCEPT_AGAIN_S)
            else:
                complained_of = None
                self._begin(stream)

    async def accept_waiting(self, listener: trio.SocketListener) -> None:
        """Accept whoever waits, and return."""
        while is_readable(listener.socket):
            with trio.move_on_after(_ACCEPT_AGAIN_S):  # who waited may have left
                try:
                    self._begin(await listener.accept())
                except OSError as error:
                    log.error("cannot accept connections: %s", errno.errorcode.get(error.errno or 0, "unknown"))
                    return

    def _begin(self, stream: trio.SocketStream) -> None:
        connection = HttpConnection(self, stream)
        self._live.add(connection)
        self._nursery.start_soon(connection.run)

    def note_idle(self, connection: HttpConnection) -> None:
        """Learn that a connection may be closed to make room."""
        self.idle[connection] = None
        if len(self._live) >= self._most:
            self._news.unpark_all()

    def note_end(self, connection: HttpConnection) -> None:
        """Learn that a connection is over."""
        self._live.discard(connection)
        self.idle.pop(connection, None)
        self._news.unpark_all()

    def _make_room(self) -> None:
        if (oldest := next(iter(self.idle), None)) is not None:
            oldest.abort()

    def drain(self) -> None:
        """Let every connection finish, those that are accepted from now on included."""
        self.is_draining = True
        for connection in self._live:
            connection.drain()

    async def wait_until_empty(self) -> None:
        """Return when all connections have ended."""
        while self._live:
            await self._news.park()

    def abort(self) -> None:
        """Break off whatever is left, writes included."""
        for connection in self._live:
            connection.abort()
