"""`PublicPort`: the HTTP port of the daemon, and further listeners that are leased while the daemon runs."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

from rhd.errors import Refusal
from rhd.hosting.sockets import bind_http
from rhd.settings import Settings, check_host
from rhd.web.dispatcher import Dispatcher
from rhd.web.origins import Origins, listener_origins
from rhd.web.serving import Server, serve


class PublicPort:
    """Serves a dispatcher, and keeps its origins in line with the settings and the open listeners.

    Attributes:
        host: the address of the first listening socket.
        port: its port.
    """

    def __init__(self, app: Dispatcher, sockets: Sequence[socket.socket], settings: Settings, *, is_held: bool) -> None:
        """Make the port; nothing is accepted yet.

        Args:
            sockets: listening already.
            is_held: the service manager holds the sockets and has them served again after this process.
        """
        self.host, self.port = sockets[0].getsockname()[:2]
        self._app = app
        self._sockets = sockets
        self._settings = settings
        self._is_held = is_held
        self._leased: list[str] = []
        self._server: Server | None = None
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take over new settings."""
        self._settings = settings
        further = (*settings.further_origins, *self._leased)
        self._app.origins = Origins(settings.public_url, self.port, settings.allowed_origins, further=further)

    async def serve(self, *, stop: trio.Event, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop` is set, then drain."""
        listeners = [_listener(sock) for sock in self._sockets]
        async with trio.open_nursery() as nursery:
            self._server = await nursery.start(partial(serve, self._app, listeners, stop=stop, is_held=self._is_held))
            task_status.started()

    @asynccontextmanager
    async def listen(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve a further listener for as long as the block lasts; its origins are valid for as long.

        Yields:
            the listener's origin.

        Raises:
            Refusal: PORT_IN_USE, or the address cannot be listened on.
        """
        if self._server is None:
            raise Refusal("the daemon is not serving yet", code="TIMEOUT")
        check_host(host, self._settings.public_url)
        sockets = bind_http(host, port)
        origins = listener_origins(host, sockets[0].getsockname()[1])
        self._leased += origins
        self.configure(self._settings)
        scopes = [self._server.start_accepting(_listener(sock)) for sock in sockets]
        try:
            yield origins[0]
        finally:
            for scope in scopes:
                scope.cancel()
            for origin in origins:
                with suppress(ValueError):
                    self._leased.remove(origin)
            self.configure(self._settings)
            for sock in sockets:
                sock.close()


def _listener(sock: socket.socket) -> trio.SocketListener:
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
