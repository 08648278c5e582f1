"""A raw HTTP client and a server on a loopback port, for tests of what goes over the wire."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11
import trio

from rhd.asgi import ASGIApp
from rhd.web.serving import Server, ServerLimits, serve

PATIENCE_S = 10.0
"""How long anything here waits before the test fails."""

QUICK = ServerLimits(
    header_s=0.2,
    body_s=0.2,
    write_s=0.2,
    keep_alive_s=0.2,
    half_closed_s=0.2,
    linger_s=0.2,
    drain_s=1.5,
    drain_idle_s=0.2,
)
"""ServerLimits whose ends a test can wait for."""


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_last(self) -> bool:
        """Whether it says that the connection ends."""
        return self.headers.get("connection") == "close"

    def json(self) -> Any:
        return json.loads(self.body)


class Ended(Exception):
    """The server closed the connection where an answer was due."""


class Client:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, port: int, *, receive_buffer: int | None = None) -> Client:
        sock = trio.socket.socket()
        if receive_buffer is not None:  # before connecting, or the window is already offered
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            with trio.fail_after(PATIENCE_S):
                await sock.connect(("127.0.0.1", port))
        except OSError:
            sock.close()
            raise
        return cls(trio.SocketStream(sock))

    async def send(self, data: bytes) -> None:
        """Send raw bytes; a server that closed already is no error."""
        try:
            with trio.fail_after(PATIENCE_S):
                await self.stream.send_all(data)
        except trio.BrokenResourceError:
            pass

    async def receive(self) -> bytes:
        """Return what comes next; empty at the end, and if the connection was reset."""
        with trio.fail_after(PATIENCE_S):
            try:
                return bytes(await self.stream.receive_some(65536))
            except trio.BrokenResourceError:
                return b""

    async def receive_all(self) -> bytes:
        """Return everything until the server closes."""
        out = bytearray()
        while data := await self.receive():
            out += data
        return bytes(out)

    async def request(self, target: str = "/", *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Send a well-formed request and return its answer."""
        lines = {"host": "test", **headers}
        if body:
            lines["content-length"] = str(len(body))
        head = h11.Request(method=method, target=target, headers=list(lines.items()))
        data = (self._http.send(head) or b"") + (self._http.send(h11.Data(data=body)) if body else b"")
        await self.send(data + (self._http.send(h11.EndOfMessage()) or b""))
        return await self.answer()

    async def answer(self, method: bytes = b"GET") -> Answer:
        """Return the next answer, whatever was sent raw before.

        Raises:
            Ended: none came.
        """
        if self._http.our_state is h11.IDLE:  # sent raw: bring the parser to where the server is
            self._http.send(h11.Request(method=method, target="/", headers=[("host", "test")]))
            self._http.send(h11.EndOfMessage())
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self.receive()
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise Ended
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise Ended
        assert head is not None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, headers, bytes(body))

    async def wait_closed(self) -> None:
        """Wait until the server has closed its side; nothing more may come before."""
        assert await self.receive() == b""

    def close(self) -> None:
        self.stream.socket.close()

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()


def listen(backlog: int = 512) -> trio.SocketListener:
    """Return a listener on a free loopback port."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    sock.setblocking(False)
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock))


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


@dataclass
class Served:
    """A running server."""

    port: int
    server: Server = field(init=False)
    stop: trio.Event = field(default_factory=trio.Event)
    is_over: trio.Event = field(default_factory=trio.Event)
    clients: list[Client] = field(default_factory=list)

    async def connect(self, *, receive_buffer: int | None = None) -> Client:
        """Open a connection; one that is not closed is closed at the end of the test."""
        client = await Client.open(self.port, receive_buffer=receive_buffer)
        self.clients.append(client)
        return client

    def hang_up(self) -> None:
        """Close every connection."""
        for client in self.clients:
            client.close()

    async def wait_over(self) -> None:
        with trio.fail_after(PATIENCE_S):
            await self.is_over.wait()


@asynccontextmanager
async def serving(app: ASGIApp, limits: ServerLimits | None = None, **options: Any) -> AsyncIterator[Served]:
    """Serve `app` on a free port; stop and drain at the end."""
    listener = listen()
    served = Served(port_of(listener))

    async def run(task_status: trio.TaskStatus[Server]) -> None:
        await serve(
            app, [listener], limits=limits or ServerLimits(), stop=served.stop, task_status=task_status, **options
        )
        served.is_over.set()

    with listener.socket:
        async with trio.open_nursery() as nursery:
            served.server = await nursery.start(run)
            try:
                yield served
            finally:
                served.hang_up()
            served.stop.set()
            await served.wait_over()
