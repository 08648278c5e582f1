"""`ask`: one HTTP request to an address of the owner's own, as a client out there would send it.

Each goes over a connection of its own, TLS is verified, and no redirect is followed.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11
import trio

MAX_BODY_BYTES = 4 << 20
MAX_HEADER_BYTES = 64 << 10


class RequestFailed(Exception):
    """There was no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's first value; the empty text if it is not there."""
        return next((value for key, value in self.headers if key == name), "")

    def json(self) -> dict[str, Any]:
        """Return the JSON object that the body is, or the last one of an event stream; else an empty one."""
        text = self.body.decode("utf-8", "replace")
        if self.header("content-type").startswith("text/event-stream"):
            events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
            text = next((event for event in reversed(events) if event.strip()), "")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


async def ask(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *, within_s: float
) -> Answer:
    """Return the answer to one request.

    Raises:
        RequestFailed: there is none: the name, the connection, TLS, what was said, or the time.
    """
    with trio.move_on_after(within_s):
        try:
            return await _ask(method, url, headers or {}, body)
        except ssl.SSLError as error:
            raise RequestFailed(f"TLS failed: {getattr(error, 'verify_message', '') or error.reason}") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            cause = error.__cause__
            if isinstance(cause, ssl.SSLError):
                raise RequestFailed(f"TLS failed: {getattr(cause, 'verify_message', '') or cause.reason}") from error
            raise RequestFailed("the connection broke") from error
        except OSError as error:
            raise RequestFailed(f"it cannot be reached: {_reason(error)}") from error
        except (h11.ProtocolError, UnicodeError) as error:
            raise RequestFailed("what answers does not speak HTTP") from error
    raise RequestFailed(f"there was no answer within {within_s:.0f} seconds")


def _reason(error: OSError) -> str:
    """Return why a connection failed; trio tries several addresses and keeps each one's reason below its own."""
    cause = error.__cause__
    first = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause
    return (first.strerror if isinstance(first, OSError) else None) or error.strerror or str(error)


async def _ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
    try:
        if parts.scheme == "https":
            context = await trio.to_thread.run_sync(ssl.create_default_context)  # reads the system's certificates
            stream = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body))}
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        request = h11.Request(method=method, target=target, headers=list({**own, **headers}.items()))
        parts_sent = (request, h11.Data(data=body), h11.EndOfMessage())
        await stream.send_all(b"".join(connection.send(part) or b"" for part in parts_sent))
        return await _receive(stream, connection)
    finally:
        await trio.aclose_forcefully(stream)


async def _receive(stream: trio.abc.Stream, connection: h11.Connection) -> Answer:
    response: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await stream.receive_some(65536)
            if not data and response is None:
                raise RequestFailed("the connection was closed before an answer came")
            connection.receive_data(bytes(data))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise RequestFailed("the answer is larger than any of this daemon's")
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            found = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in response.headers)
            return Answer(response.status_code, found, bytes(body))
