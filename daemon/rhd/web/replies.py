"""Plain ASGI: reading a bounded body, answering JSON. Without a framework, an unauthenticated request costs little."""

from __future__ import annotations

import json
from collections.abc import Iterable

import trio

from rhd.asgi import Header, Message, Receive, Scope, Send

BODY_WAIT_S = 15.0
JSON_TYPE: Header = (b"content-type", b"application/json")
NO_STORE: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class RequestRefused(Exception):
    """The request is answered with an HTTP error, as JSON.

    Attributes:
        lane: of the queue in which the answer waits, if the request has shown no valid token.
        proof: the grant that the request belonged to although it is refused: its token has expired. The answer waits
            for no other.
    """

    def __init__(
        self,
        status: int,
        error: str,
        description: str,
        headers: Iterable[Header] = (),
        *,
        lane: str = "refused",
        proof: str | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}
        self.headers = tuple(headers)
        self.lane = lane
        self.proof = proof


async def send_json(
    send: Send, status: int, body: object, headers: Iterable[Header] = (), *, is_head: bool = False
) -> None:
    """Answer with JSON; a HEAD request gets the headers alone."""
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
    fixed = (JSON_TYPE, (b"content-length", b"%d" % len(text)), (b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b"" if is_head else text})


async def send_empty(send: Send, status: int, headers: Iterable[Header] = ()) -> None:
    """Answer without a body."""
    fixed = () if status == 204 else ((b"content-length", b"0"),)
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b""})


def header(scope: Scope, name: bytes) -> str | None:
    """Return the value of a header that may stand once, or None; one that stands twice has no value."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def check_length(scope: Scope, limit: int) -> None:
    """Refuse a request that says beforehand that it is larger than `limit` bytes.

    Raises:
        RequestRefused: 413.
    """
    declared = header(scope, b"content-length")
    if (
        declared is not None
        and declared.isascii()
        and declared.isdigit()
        and len(declared) < 19
        and int(declared) <= limit
    ):
        return
    if declared is not None:
        raise _too_large(limit)


def bounded(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that refuses a body once it grows beyond `limit` bytes, whatever it said beforehand."""
    total = 0

    async def receive_bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise _too_large(limit)
        return message

    return receive_bounded


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        RequestRefused: 413 over `limit` bytes; 408 after 15 seconds; 400 if it ended early.
    """
    check_length(scope, limit)
    receive, parts = bounded(receive, limit), []
    with trio.move_on_after(BODY_WAIT_S) as waiting:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestRefused(400, "invalid_request", "the body ended early")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
    if waiting.cancelled_caught:
        raise RequestRefused(408, "request_timeout", "the body took too long", [(b"connection", b"close")])
    return b"".join(parts)


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(
        413, "request_too_large", f"a request here holds at most {limit} bytes", [(b"connection", b"close")]
    )
