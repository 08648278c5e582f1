"""A tunnel as its clients see it: a public name with a certificate, and behind it whatever listens on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from tests.support.tls import Authority


class _Names(trio.abc.HostnameResolver):
    """Resolves some names to loopback, addresses to themselves, and nothing else."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    async def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        known = "127.0.0.1" if text in self._names else text
        flags = socket.AI_NUMERICHOST
        return socket.getaddrinfo(known, port, type=socket.SOCK_STREAM, flags=flags)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        return socket.getnameinfo(sockaddr, flags | socket.NI_NUMERICHOST)


@asynccontextmanager
async def tunnel(authority: Authority, name: str, to_port: int) -> AsyncIterator[str]:
    """Yield the tunnel's origin, `https://NAME:PORT`; it ends TLS and passes every byte on, the Host as it came."""
    context = authority.server_context()

    async def carry(source: Any, sink: Any) -> None:
        async for data in source:
            await sink.send_all(data)

    async def handle(transport: trio.SocketStream) -> None:
        stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
        try:
            async with await trio.open_tcp_stream("127.0.0.1", to_port) as inner, trio.open_nursery() as both:

                async def until_over(source: Any, sink: Any) -> None:
                    await carry(source, sink)
                    both.cancel_scope.cancel()

                both.start_soon(until_over, stream, inner)
                both.start_soon(until_over, inner, stream)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    before = trio.socket.set_custom_hostname_resolver(_Names(frozenset({name})))
    try:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(partial(trio.serve_listeners, handle, listeners, handler_nursery=nursery))
            yield f"https://{name}:{listeners[0].socket.getsockname()[1]}"
            nursery.cancel_scope.cancel()
    finally:
        trio.socket.set_custom_hostname_resolver(before)


def trusting(authority: Authority) -> Mapping[str, Any]:
    """Return the options with which an HTTP client believes the tunnel's certificate."""
    return {"verify": authority.client_context()}
