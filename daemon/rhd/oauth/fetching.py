"""`fetch`: one small JSON document from an https address that an unauthenticated client names.

A client id may be any URL, so any request for the login page chooses what is fetched (GHSA-vv7q-7jx5-f767). The name
is resolved once and every address of it must be public; the connection goes to the address that was looked at, so
the name cannot point elsewhere by then; TLS is verified; a redirect is a refusal; five kilobytes, three seconds.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import h11
import trio

from rhd.addresses import is_public

MAX_URL_BYTES = 512
MAX_BODY_BYTES = 5 * 1024
MAX_HEADER_BYTES = 8 * 1024
TIMEOUT_S = 3.0
_NAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_PATH = re.compile(r"/[!-~]+\Z")
_MAX_AGE = re.compile(r"\bmax-age=([0-9]{1,9})\b")


class FetchFailed(Exception):
    """There is no document to be had; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was found: the body, and for how many seconds its sender lets it be kept (None: it does not say)."""

    body: bytes
    max_age_s: int | None


_resolving = trio.CapacityLimiter(64)
_reading_certificates = trio.CapacityLimiter(2)


async def resolve(host: str) -> list[str]:
    """Return the addresses of a host, from the system's resolver in a thread of its own."""
    # A resolver that hangs keeps its thread until it gives up, so these threads are none that others need.
    found = await trio.to_thread.run_sync(
        partial(socket.getaddrinfo, host, 443, type=socket.SOCK_STREAM), abandon_on_cancel=True, limiter=_resolving
    )
    return [str(entry[4][0]) for entry in found]


async def connect(address: str) -> trio.abc.Stream:
    """Return a TCP connection to port 443 of a literal address."""
    return await trio.open_tcp_stream(address, 443)


@dataclass(frozen=True, slots=True)
class Network:
    """The way out. Tests put a server of their own at its end; everything between stays real."""

    resolve: Callable[[str], Awaitable[list[str]]] = resolve
    connect: Callable[[str], Awaitable[trio.abc.Stream]] = connect
    is_public: Callable[[str], bool] = is_public
    context: Callable[[], ssl.SSLContext] = field(default=ssl.create_default_context)


def split_url(url: str) -> tuple[str, str] | None:
    """Return `(host, target)` of an address that may be a client id, or None if it may not.

    An https URL with a named public host, the default port, a path without dot parts, and nothing else
    (draft-ietf-oauth-client-id-metadata-document, section 2).
    """
    if len(url) > MAX_URL_BYTES or not url.startswith("https://") or "#" in url or "\\" in url:
        return None
    host, slash, rest = url[len("https://") :].partition("/")
    target = slash + rest
    path = target.partition("?")[0]
    if not _NAME.match(host) or not _PATH.match(target) or any(part in (".", "..") for part in path.split("/")):
        return None
    return (host, target) if urlsplit(url).hostname == host else None


async def fetch(url: str, network: Network) -> Fetched:
    """Return the document at `url`.

    Raises:
        FetchFailed: whatever the reason: the address, the network, TLS, a redirect, its size or its time.
    """
    split = split_url(url)
    if split is None:
        raise FetchFailed("not an address that a client may have")
    with trio.move_on_after(TIMEOUT_S):
        try:
            return await _fetch(*split, network)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError, UnicodeError) as error:
            raise FetchFailed(type(error).__name__) from error
    raise FetchFailed("it took too long")


async def _fetch(host: str, target: str, network: Network) -> Fetched:
    addresses = await network.resolve(host)
    if not addresses or not all(network.is_public(address) for address in addresses):
        raise FetchFailed("the host is not a public one")
    # Reading the system's certificates takes tens of milliseconds.
    context = await trio.to_thread.run_sync(network.context, limiter=_reading_certificates)
    transport = await network.connect(addresses[0])
    stream = trio.SSLStream(transport, context, server_hostname=host, https_compatible=True)
    try:
        return await _ask(stream, host, target)
    finally:
        await trio.aclose_forcefully(stream)


async def _ask(stream: trio.abc.Stream, host: str, target: str) -> Fetched:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
    headers = [("Host", host), ("Accept", "application/json"), ("Accept-Encoding", "identity"), ("Connection", "close")]
    request = h11.Request(method="GET", target=target, headers=headers)
    await stream.send_all(connection.send(request) + connection.send(h11.EndOfMessage()))
    body, max_age_s = bytearray(), None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(4096)))
        elif isinstance(event, h11.Response):
            if event.status_code != 200:
                raise FetchFailed(f"the answer was {event.status_code}")
            received = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
            media = received.get("content-type", "").partition(";")[0].strip().lower()
            if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
                raise FetchFailed("the answer is not JSON")
            caching = received.get("cache-control", "").lower()
            found = _MAX_AGE.search(caching)
            max_age_s = 0 if "no-store" in caching or "no-cache" in caching else int(found[1]) if found else None
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise FetchFailed("the document is too large")
        elif isinstance(event, h11.EndOfMessage):
            return Fetched(bytes(body), max_age_s)
        elif isinstance(event, h11.ConnectionClosed):
            raise FetchFailed("the connection was closed")
