"""A loopback proxy that puts a token into every request: the suite has no way to send one to a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import trio


@asynccontextmanager
async def token_proxy(upstream: str, token: str) -> AsyncIterator[str]:
    """Yield the origin that stands for `upstream` (`http://HOST:PORT`), with the token in every request.

    Only the proxy's own name is replaced in Host and Origin: foreign ones arrive as they were sent. Answers are
    passed on byte by byte; a client that leaves takes its upstream connection along.
    """
    host, _, port = upstream.removeprefix("http://").partition(":")
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    own = f"127.0.0.1:{listener.socket.getsockname()[1]}"
    added = (b"authorization", f"Bearer {token}".encode())

    def rewrite(request: h11.Request) -> h11.Request:
        headers = []
        for name, value in request.headers:
            if name in (b"host", b"origin"):
                value = value.replace(own.encode(), f"{host}:{port}".encode())
            headers.append((name, value))
        return h11.Request(method=request.method, target=request.target, headers=[*headers, added])

    async def serve(client: trio.SocketStream) -> None:
        server = await trio.open_tcp_stream(host, int(port))
        async with client, server, trio.open_nursery() as nursery:

            async def pass_answers() -> None:
                async for data in server:
                    await client.send_all(data)
                nursery.cancel_scope.cancel()

            async def pass_requests() -> None:
                rest = b""
                while True:  # a pair of connections for each request: answers are not looked at
                    reading, writing = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
                    if rest:
                        reading.receive_data(rest)
                    while not isinstance(event := reading.next_event(), h11.EndOfMessage):
                        if event is h11.NEED_DATA:
                            data = await client.receive_some()
                            reading.receive_data(data)
                            continue
                        if isinstance(event, h11.ConnectionClosed):
                            nursery.cancel_scope.cancel()
                            return
                        event = rewrite(event) if isinstance(event, h11.Request) else event
                        await server.send_all(writing.send(event) or b"")
                    await server.send_all(writing.send(event) or b"")
                    rest = reading.trailing_data[0]

            nursery.start_soon(_until_broken, pass_answers, nursery)
            nursery.start_soon(_until_broken, pass_requests, nursery)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield f"http://{own}"
        nursery.cancel_scope.cancel()


async def _until_broken(work, nursery: trio.Nursery) -> None:
    try:
        await work()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        nursery.cancel_scope.cancel()
