"""Requests of our own to the SDK's session manager, made as a client would make them: the SDK's only public way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rhd.asgi import ASGIApp, Message, Scope

SESSION_ID = b"mcp-session-id"


class Answered(NamedTuple):
    """What the SDK answered.

    Attributes:
        session_id: of the SDK's session that the answer belongs to.
    """

    status: int
    session_id: str | None

    @property
    def is_ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 400


async def request(
    manager: ASGIApp,
    method: str,
    state: Mapping[str, Any],
    *,
    session_id: str | None = None,
    message: Mapping[str, Any] | None = None,
) -> Answered:
    """Send one request to a manager.

    Args:
        state: entries of the ASGI scope: who asks.
        session_id: of the SDK's session.
        message: the JSON-RPC message of a POST.
    """
    headers = [(b"accept", b"application/json, text/event-stream"), (b"content-type", b"application/json")]
    if session_id is not None:
        headers.append((SESSION_ID, session_id.encode()))
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "scheme": "http",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        **state,
    }
    body = b"" if message is None else json.dumps({"jsonrpc": "2.0", **message}).encode()
    found = Answered(500, None)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(answer: Message) -> None:
        nonlocal found
        if answer["type"] == "http.response.start":
            found = Answered(answer["status"], session_id_of(answer))

    await manager(scope, receive, send)
    return found


def session_id_of(answer: Message) -> str | None:
    """Return the id of the SDK's session that an `http.response.start` names."""
    ids = [value.decode() for name, value in answer["headers"] if name.lower() == SESSION_ID]
    return ids[0] if ids else None
