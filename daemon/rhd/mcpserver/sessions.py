"""The HTTP side of one endpoint: which of the SDK's ways serves a request, and the life of handshake-era sessions.

The 2026 era has no sessions. For the handshake era two managers stand side by side: one keeps sessions, for clients
that hold a stream; one does not, for clients that send no session id (ChatGPT) or one that a restart has forgotten.
Nobody is refused for want of room.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from rhd.asgi import Message, Receive, Scope, Send, replay
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.sdk import (
    MODERN_PROTOCOL_VERSIONS,
    ListChangedServer,
    has_session,
    make_manager,
    session_owner,
)
from rhd.mcpserver.streams import METHOD, serve_stream

MAX_SESSIONS = 64
MAX_ENDED = 1024
"""So many sessions are remembered as ended by their clients, in the order of ending."""
OPEN_WITHIN_S = 10.0
_LISTENING = frozenset({"resources/subscribe", "resources/unsubscribe"})


@dataclass(slots=True)
class _Session:
    grant_id: str
    used_at: float
    streams: int = 0
    owner: Any = field(default=None)


class Sessions:
    """Serves the MCP requests of one endpoint, once they are admitted."""

    def __init__(
        self,
        server: ListChangedServer,
        *,
        on_stream: Callable[[str, bool], None],
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        """Serve.

        Args:
            on_stream: told when a session's stream opens and when it ends.
            max_sessions: beyond these, the session that was used least recently gives way.
        """
        self._kept = make_manager(server, is_stateless=False, max_sessions=max_sessions)
        self._stateless = make_manager(server, is_stateless=True, max_sessions=max_sessions)
        self._max_sessions = max_sessions
        self._sessions: dict[str, _Session] = {}
        self._opening: set[object] = set()  # admitted, but not yet with an id
        self._ended: dict[str, str] = {}  # by their own clients; and whose they were
        self._on_stream = on_stream

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Own the sessions for as long as the block lasts."""
        async with self._kept.run(), self._stateless.run():
            yield

    def count(self) -> int:
        """Return how many sessions are open."""
        self._prune()
        return len(self._sessions)

    async def end_of(self, grant_id: str) -> None:
        """End every session of a grant, its streams included."""
        for session_id, session in list(self._sessions.items()):
            if session.grant_id == grant_id:
                await self._end(session_id)

    async def serve(self, caller: Caller, client_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one admitted request of a caller."""
        scope = {**scope, "user": session_owner(caller.id, client_id)}
        headers = {name: value for name, value in scope["headers"] if name in _READ_HEADERS}
        version = headers.get(b"mcp-protocol-version", b"").decode("latin-1")
        if version and (version in MODERN_PROTOCOL_VERSIONS or not _is_handshake_version(version)):
            if headers.get(b"mcp-method") == METHOD:
                await serve_stream(self._stateless.handle_request, scope, receive, send)
            else:
                await self._stateless.handle_request(scope, receive, send)
            return
        session_id = headers.get(b"mcp-session-id", b"").decode("latin-1") or None
        if scope["method"] == "POST":
            await self._post(caller, session_id, scope, receive, send)
            return
        session = self._find(session_id, caller)
        if session_id is None:
            await _answer(send, 405, "this method needs a session", (b"allow", b"POST"))
        elif session is None:
            await _answer(send, 404, "Session not found")
        elif scope["method"] == "GET":
            await self._stream(caller, session_id, scope, receive, send)
        else:
            await self._kept.handle_request(scope, receive, send)
            self._note_ended(session_id, caller)

    async def _post(self, caller: Caller, session_id: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if body is None:
            return
        methods = _methods(body)
        again = replay(body, receive)
        if "initialize" in methods:
            await self._open(caller, _without_session(scope), again, send)
        elif (session := self._find(session_id, caller)) is not None:
            session.used_at = trio.current_time()
            await self._kept.handle_request(scope, again, send)
        elif methods & _LISTENING or self._is_ended(session_id, caller):
            # Listening needs a session to be told anything: a client that is refused initializes again.
            await _answer(send, 404, "Session not found")
        else:
            await self._stateless.handle_request(_without_session(scope), again, send)

    async def _open(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        self._prune()
        while len(self._sessions) + len(self._opening) >= self._max_sessions:
            idle = [(s.used_at, session_id) for session_id, s in self._sessions.items() if not s.streams]
            if not idle:
                await self._stateless.handle_request(scope, receive, send)
                return
            await self._end(min(idle)[1])

        place = object()
        self._opening.add(place)

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                for name, value in message["headers"]:
                    if name.lower() == b"mcp-session-id":
                        self._sessions[value.decode()] = _Session(caller.id, trio.current_time(), owner=scope["user"])
                        self._opening.discard(place)
            await send(message)

        # A client may hang up as soon as it has read the answer, which ends the request before the SDK has noted that
        # the session was opened; it would throw the session away that the client now holds.
        try:
            with trio.move_on_after(OPEN_WITHIN_S, shield=True):
                await self._kept.handle_request(scope, receive, watch)
        finally:
            self._opening.discard(place)
        if caller.now() is None:  # its grant ended meanwhile, and with it every session that was there to be seen
            await self.end_of(caller.id)

    async def _stream(self, caller: Caller, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._sessions[session_id]

        async def first_byte(message: Message) -> None:
            await send(message)
            # Tunnels hold the headers back until the first byte of the body; the first ping would be 15 s away.
            if message["type"] == "http.response.start" and message["status"] == 200:
                await send({"type": "http.response.body", "body": b": open\r\n\r\n", "more_body": True})
                self._on_stream(session_id, True)

        session.streams += 1
        try:
            with trio.move_on_after(caller.lasts_s):
                await self._kept.handle_request(scope, receive, first_byte)
        finally:
            session.streams -= 1
            if not session.streams:
                self._on_stream(session_id, False)
            session.used_at = trio.current_time()

    def _find(self, session_id: str | None, caller: Caller) -> _Session | None:
        if session_id is None or not has_session(self._kept, session_id):
            return None
        session = self._sessions.get(session_id)
        # Somebody else's session is unknown, not forbidden (CVE-2026-52869).
        return session if session is not None and session.grant_id == caller.id else None

    def _is_ended(self, session_id: str | None, caller: Caller) -> bool:
        """Say whether the caller has ended this session itself: then, and only then, it must hear that it is gone.

        (2025-11-25, basic/transports, session management.) One that a restart has forgotten is unknown instead.
        """
        return session_id is not None and self._ended.get(session_id) == caller.id

    def _note_ended(self, session_id: str, caller: Caller) -> None:
        self._prune()
        if session_id not in self._sessions:
            self._ended[session_id] = caller.id
            while len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]

    async def _end(self, session_id: str) -> None:
        """End a session as its client would: with a DELETE, which is all that the SDK offers."""
        session = self._sessions.pop(session_id)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "DELETE",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "scheme": "http",
            "headers": [(b"mcp-session-id", session_id.encode()), (b"accept", b"application/json, text/event-stream")],
            "client": None,
            "server": None,
            "user": session.owner,
            "state": {},
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            return None

        await self._kept.handle_request(scope, receive, send)

    def _prune(self) -> None:
        for session_id in [s for s in self._sessions if not has_session(self._kept, s)]:
            del self._sessions[session_id]


_READ_HEADERS = frozenset({b"mcp-method", b"mcp-protocol-version", b"mcp-session-id"})


def _is_handshake_version(version: str) -> bool:
    from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

    return version in HANDSHAKE_PROTOCOL_VERSIONS


async def _read_body(receive: Receive) -> bytes | None:
    """Return a request's body, which the dispatcher bounds; None if its client left while sending it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _methods(body: bytes) -> set[str]:
    """Return the JSON-RPC methods that a body names; what is no JSON is the SDK's to refuse."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    messages = value if isinstance(value, list) else [value]
    return {m["method"] for m in messages if isinstance(m, dict) and isinstance(m.get("method"), str)}


def _without_session(scope: Scope) -> Scope:
    return {**scope, "headers": [(n, v) for n, v in scope["headers"] if n != b"mcp-session-id"]}


async def _answer(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    """Answer with a JSON-RPC error that belongs to no request."""
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": message}}).encode()
    base = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
    await send({"type": "http.response.body", "body": body})
