"""`serve`: accepting connections within limits, and draining."""

from __future__ import annotations

import errno
import logging
import resource
import socket
import sys
from collections.abc import Sequence

import trio

from rhd.asgi import ASGIApp
from rhd.web.serving.connection import HttpConnection, is_readable
from rhd.web.serving.connection_slots import ConnectionSlots
from rhd.web.serving.http11 import configure
from rhd.web.serving.server_limits import ServerLimits

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
_ACCEPT_AGAIN_S = 0.05
_AFTER_EVICTION_S = 0.002


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
        stop: begins the drain.
        is_held: the service manager holds the listening sockets and has them served again. Accepting ends at once, and
            new connections wait for the next process. Otherwise idle connections are closed at once and the port stays
            open until the rest is done: a port that is closed ends sessions of some clients.
    """
    async with trio.open_nursery() as connections:
        server = Server(app, limits, connections, drain_idle_s=limits.drain_idle_s if is_held else 0)
        try:
            accepting = [server.start_accepting(listener) for listener in listeners]
            task_status.started(server)
            await stop.wait()
            deadline = trio.current_time() + limits.drain_s
            server.drain()
            if not is_held:
                with trio.move_on_at(deadline - limits.drain_s / 5):
                    await server.wait_until_ended(server.connections)
            for scope in accepting:
                scope.cancel()
            with trio.move_on_at(deadline):
                if not is_held:
                    for listener in listeners:
                        await server.accept_waiting(listener)
                        await listener.aclose()
                await server.wait_until_ended(None)
        finally:
            server.abort()
            connections.cancel_scope.cancel()


class Server:
    """The connections of one `serve`.

    Attributes:
        slots: which connections may be open.
        drain_idle_s: how long a connection has been idle when draining closes it.
    """

    def __init__(self, app: ASGIApp, limits: ServerLimits, nursery: trio.Nursery, *, drain_idle_s: float) -> None:
        self._nursery = nursery
        self.app = app
        self.limits = limits
        self.drain_idle_s = drain_idle_s
        self.config = configure(limits.header_bytes)
        self.is_draining = False
        self._live: set[HttpConnection] = set()
        self._news = trio.lowlevel.ParkingLot()
        most = limits.connections
        if (descriptors := resource.getrlimit(resource.RLIMIT_NOFILE)[0]) != resource.RLIM_INFINITY:
            most = min(most, descriptors // 2)
        unauthenticated = min(limits.unauthenticated, max(1, most * limits.unauthenticated // limits.connections))
        self.slots = ConnectionSlots(most, unauthenticated, limits.unfinished, limits.of_owner)

    @property
    def connections(self) -> frozenset[HttpConnection]:
        """The connections that are open now."""
        return frozenset(self._live)

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
        complained_of, evictions = None, self.slots.evictions
        while True:
            # A connection is evicted only when another one waits; accept(2) lacks a descriptor in either case.
            await trio.lowlevel.wait_readable(listener.socket)
            if self.slots.is_full:
                await self._news.park()
                continue
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno != complained_of:
                    complained_of = error.errno
                    log.error("cannot accept connections: %s", errno.errorcode.get(error.errno or 0, "unknown"))
                if error.errno in _OUT_OF_RESOURCES:
                    self.slots.make_room()
                await trio.sleep(_ACCEPT_AGAIN_S)
            else:
                complained_of = None
                self._begin(stream)
                if self.slots.evictions != evictions:
                    # A flood of connections that evict others leaves time for the requests of those that stay.
                    evictions = self.slots.evictions
                    await trio.sleep(_AFTER_EVICTION_S)

    async def accept_waiting(self, listener: trio.SocketListener) -> None:
        """Accept the connections that wait, and return."""
        while is_readable(listener.socket):
            with trio.move_on_after(_ACCEPT_AGAIN_S):  # the one that waited may have left
                try:
                    self._begin(await listener.accept())
                except OSError as error:
                    log.error("cannot accept connections: %s", errno.errorcode.get(error.errno or 0, "unknown"))
                    return

    def _begin(self, stream: trio.SocketStream) -> None:
        connection = HttpConnection(self, stream)
        self._live.add(connection)
        self.slots.enter(connection)
        self._nursery.start_soon(connection.run)

    def note_idle(self, connection: HttpConnection) -> None:
        """Learn that a connection is between two requests."""
        self.slots.rest(connection)
        self._news.unpark_all()

    def note_end(self, connection: HttpConnection) -> None:
        """Learn that a connection is over."""
        self._live.discard(connection)
        self.slots.leave(connection)
        self._news.unpark_all()

    def drain(self) -> None:
        """Let every connection finish, those that are accepted from now on included."""
        self.is_draining = True
        for connection in self._live:
            connection.drain()

    async def wait_until_ended(self, connections: frozenset[HttpConnection] | None) -> None:
        """Return when none of these connections is open any more; None means all, later ones included."""
        while self._live if connections is None else self._live & connections:
            await self._news.park()

    def abort(self) -> None:
        """Break off what is left, writes included."""
        for connection in self._live:
            connection.abort()
