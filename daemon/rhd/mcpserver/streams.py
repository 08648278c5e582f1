"""The streams of the 2026 revision over HTTP. The SDK validates the request; this module keeps the SSE stream open.

The SDK would keep the request, its parsed body, three tasks and three nurseries for as long as a stream lasts: two
thirds of the memory of a stream. So the handler returns at once and only says what to send; the SDK's answer is held
back and ends the stream.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext

from rhd.asgi import ASGIApp, Message, Receive, Scope, Send

METHOD = b"subscriptions/listen"
_KEY = "repo_harness.stream"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects what it passes on would hold notifications back
]

PING = b": ping\r\n\r\n"

Tell = Callable[[types.ServerNotification], Awaitable[None]]
Ping = Callable[[], Awaitable[None]]
Run = Callable[[Tell, Ping], Awaitable[None]]


@dataclass(slots=True)
class Stream:
    """What a request that asks for a stream leads to.

    Attributes:
        run: tells and pings until the stream is to end; set by the handler, None if the request was refused.
    """

    run: Run | None = None


def stream_of(ctx: ServerRequestContext[Any, Any]) -> Stream | None:
    """Return the stream that a request asks for; None if it came another way, and the SDK keeps it open."""
    return ctx.request.scope.get(_KEY) if ctx.request is not None else None


async def serve_stream(judge: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request whose `Mcp-Method` is `METHOD`; returns when the stream has ended.

    Args:
        judge: the SDK's way to serve it; what it answers is passed on as it is unless the handler accepts the request.
    """
    run, answer = await _judge(judge, scope, receive)
    if run is None:
        for message in answer:
            await send(message)
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})

    async def tell(notification: types.ServerNotification) -> None:
        body = notification.model_dump(mode="json", by_alias=True, exclude_none=True)
        await _send_event(send, json.dumps({"jsonrpc": "2.0", **body}, separators=(",", ":")).encode())

    async def ping() -> None:
        await send({"type": "http.response.body", "body": PING, "more_body": True})

    await run(tell, ping)
    result = b"".join(message.get("body", b"") for message in answer)
    await _send_event(send, result, is_last=True)


async def _judge(judge: ASGIApp, scope: Scope, receive: Receive) -> tuple[Run | None, list[Message]]:
    stream, answer = Stream(), list[Message]()

    async def hold(message: Message) -> None:
        answer.append(message)

    await judge({**scope, _KEY: stream}, receive, hold)
    return stream.run, answer


async def _send_event(send: Send, data: bytes, *, is_last: bool = False) -> None:
    body = b"event: message\r\ndata: " + data + b"\r\n\r\n"
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})
