"""The HTTP side of one endpoint: which of the SDK's ways serves a request, and the sessions of the 2025 revision.

The 2026 revision has no sessions. For the one before, the SDK has two managers: one keeps sessions, for clients that
hold a stream; one does not, for clients that send no session id (ChatGPT) or an unknown one. A session is a row
(`session_records`); the SDK's session behind it is opened again when it is needed: after a restart, an idle end, or
when it had to make room.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from rhd.asgi import Message, Receive, Scope, Send, replay
from rhd.errors import HarnessError
from rhd.mcpserver.callers import CALLER_KEY, Caller
from rhd.mcpserver.refused_messages import TOO_MANY, has_too_many_values, has_unusable_id, with_json_errors
from rhd.mcpserver.sdk import (
    MODERN_PROTOCOL_VERSIONS,
    ListChangedServer,
    has_session,
    make_manager,
    session_owner,
)
from rhd.mcpserver.sdk_requests import SESSION_ID, request, session_id_of
from rhd.mcpserver.session_records import MAX_OF_GRANT, MAX_PARAMETER_BYTES, Session, SessionRecords, noting
from rhd.mcpserver.streams import METHOD, PING, Ping, serve_stream

OnStream = Callable[[str, Ping | None], None]

MAX_OPEN = 64
"""Sessions that the SDK holds at once; beyond these, the least recently used one waits as a row."""
OPEN_WITHIN_S = 10.0
log = logging.getLogger(__name__)
TELLING = frozenset({"get_agent_run"})
"""Tools that send progress notifications: their answers are streams. Any other answer over HTTP is one JSON body."""

_LISTENING = frozenset({"resources/subscribe", "resources/unsubscribe"})


class Sessions:
    """Serves the MCP requests of one endpoint, once they are admitted."""

    def __init__(
        self,
        server: ListChangedServer,
        records: SessionRecords,
        *,
        on_stream: OnStream,
        max_open: int = MAX_OPEN,
    ) -> None:
        """Make the sessions of one endpoint.

        Args:
            on_stream: told, with the SDK's session id, when a session's stream opens and how to ping it; and when it
                ends (None).
            max_open: how many sessions the SDK holds at once.
        """
        self._kept = make_manager(server, is_stateless=False, max_sessions=max_open)
        self._stateless = make_manager(server, is_stateless=True, max_sessions=max_open)
        self._telling = make_manager(server, is_stateless=True, max_sessions=max_open, is_telling=True)
        self._records = records
        self._max_open = max_open
        self._opening = 0
        self._streams: set[trio.CancelScope] = set()
        self._is_draining = False
        self._on_stream = on_stream

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Own the sessions for as long as the block lasts."""
        async with self._kept.run(), self._stateless.run(), self._telling.run():
            try:
                await self._records.load()
            except HarnessError as error:  # their clients are served without a session
                log.error("sessions-unread reason=%s", error.code)
            yield

    def count(self) -> int:
        """Return how many sessions have not ended."""
        return len(self._records.living())

    def drain(self) -> None:
        """End every stream: its client opens it again at the next daemon."""
        self._is_draining = True
        for scope in self._streams:
            scope.cancel()

    async def end_of(self, grant_id: str) -> None:
        """End every session of a grant, its streams included, and forget them."""
        for session in self._records.living(grant_id):
            await self._end(session)
        self._records.forget(grant_id)

    async def serve(self, caller: Caller, client_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one admitted request of a caller."""
        receive, send = with_json_errors(receive, send)
        if scope["method"] == "POST":
            body = await _read_body(receive)
            if body is None:
                return
            if has_too_many_values(body):
                await _answer(send, 400, TOO_MANY)
                return
            receive = replay(body, receive)
        scope = {**scope, "user": session_owner(caller.id, client_id), "headers": _normalized(scope["headers"])}
        headers = {name: value for name, value in scope["headers"] if name in _READ_HEADERS}
        version = headers.get(b"mcp-protocol-version", b"").decode("latin-1")
        if version and (version in MODERN_PROTOCOL_VERSIONS or not _is_handshake_version(version)):
            if headers.get(b"mcp-method") == METHOD:
                await serve_stream(self._stateless.handle_request, scope, receive, send)
            elif headers.get(b"mcp-name", b"").decode("latin-1") in TELLING:
                await self._telling.handle_request(scope, receive, send)
            else:
                await self._stateless.handle_request(scope, receive, send)
            return
        session_id = headers.get(SESSION_ID, b"").decode("latin-1") or None
        if scope["method"] == "POST":
            await self._post(caller, session_id, scope, receive, send)
        elif session_id is None:
            await _answer(send, 405, "this method needs a session", (b"allow", b"POST"))
        elif (session := self._find(session_id, caller)) is None:
            await _answer(send, 404, "Session not found")
        elif scope["method"] == "GET":
            await self._stream(caller, session, session_id, scope, receive, send)
        else:
            await self._end(session)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    # The kinds of requests.

    async def _post(self, caller: Caller, session_id: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if body is None:
            return
        message = _parse(body)
        if has_unusable_id(message):  # the SDK would take it for a notification
            await _answer(send, 400, "id must be a string or an integer")
            return
        methods = _methods(message)
        again = partial(replay, body, receive)
        if "initialize" in methods:
            await self._open(caller, message, _without_session(scope), again(), send)
            return
        known = self._records.find(session_id, caller.id)
        session = known if known is not None and not known.has_ended else None
        if _asks_for_progress(message) and (session is not None or known is None):
            await self._telling.handle_request(_without_session(scope), again(), send)
            return
        if session is not None and session_id is not None:
            number = str(message["id"]) if isinstance(message, dict) and "id" in message else None
            if number in session.numbers:  # the SDK would send the first answer to the second request, and hang
                if methods & _LISTENING:
                    await _answer(send, 400, "a request with this id is in progress")
                else:
                    await self._stateless.handle_request(_without_session(scope), again(), send)
                return
            scope_of_session = {**scope, **noting(self._records, session)}
            with session.in_progress(number):
                if await self._pass_on(session, session_id, scope_of_session, again, send):
                    return
        if methods & _LISTENING or known is not None:
            # Listening needs a session: a client that is refused initializes again.
            await _answer(send, 404, "Session not found")
        else:
            await self._stateless.handle_request(_without_session(scope), again(), send)

    async def _open(self, caller: Caller, message: Any, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = json.dumps(message.get("params") if isinstance(message, dict) else None).encode()
        is_kept = len(parameters) <= MAX_PARAMETER_BYTES and await self._make_room(caller.id, is_new=True)
        if not is_kept:
            await self._stateless.handle_request(scope, receive, send)
            return

        begun: Message | None = None
        refused: str | None = None

        async def named(answer: Message) -> None:
            """Name the session by an id of ours, once the body says that it was opened."""
            nonlocal begun, refused
            if answer["type"] == "http.response.start":
                begun = answer
                return
            if begun is not None:
                start, begun = begun, None
                sdk_id = session_id_of(start)
                headers = [(name, value) for name, value in start["headers"] if name.lower() != SESSION_ID]
                if sdk_id is not None and start["status"] < 400:
                    if _is_error(answer.get("body", b"")):
                        refused = sdk_id
                    else:
                        session_id, session = self._records.open(caller.id, parameters)
                        session.sdk_id, session.owner = sdk_id, scope["user"]
                        headers.append((SESSION_ID, session_id.encode()))
                await send({**start, "headers": headers})
            await send(answer)

        # A client may hang up as soon as it has read the answer, which ends the request before the SDK has noted that
        # the session was opened; it would discard the session that the client now holds.
        self._opening += 1
        try:
            with trio.move_on_after(OPEN_WITHIN_S, shield=True):
                await self._kept.handle_request(scope, receive, named)
                if refused is not None:
                    await request(self._kept.handle_request, "DELETE", {"user": scope["user"]}, session_id=refused)
        finally:
            self._opening -= 1
        if caller.now() is None:  # its grant ended meanwhile, and with it the sessions that were there then
            await self.end_of(caller.id)

    async def _stream(
        self, caller: Caller, session: Session, session_id: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        sdk_id: str | None = None
        has_begun = False
        sending = trio.Lock()

        async def pass_on(message: Message) -> None:
            nonlocal sdk_id, has_begun
            async with sending:
                await send(message)
                # Tunnels hold the headers back until the first byte of the body; the first ping would be 15 s away.
                if message["type"] == "http.response.start" and message["status"] == 200:
                    await send({"type": "http.response.body", "body": b": open\r\n\r\n", "more_body": True})
                    sdk_id, has_begun = session.sdk_id, True
                    if sdk_id is not None:
                        self._on_stream(sdk_id, ping)
                elif message["type"] == "http.response.body" and not message.get("more_body"):
                    has_begun = False

        async def ping() -> None:
            async with sending:
                if has_begun:
                    await send({"type": "http.response.body", "body": PING, "more_body": True})

        session.streams += 1
        is_served = True
        try:
            with trio.move_on_after(0 if self._is_draining else caller.lasts_s) as scope_of_stream:
                self._streams.add(scope_of_stream)
                is_served = await self._pass_on(session, session_id, scope, lambda: receive, pass_on)
        finally:
            self._streams.discard(scope_of_stream)
            session.streams -= 1
            if not session.streams and sdk_id is not None:
                self._on_stream(sdk_id, None)
        if not is_served:
            await _answer(send, 404, "Session not found")
        elif has_begun:  # its time is over: an end that its client does not take for a broken connection
            await send({"type": "http.response.body", "body": b""})

    async def _pass_on(
        self, session: Session, session_id: str, scope: Scope, receive: Callable[[], Receive], send: Send
    ) -> bool:
        """Serve a request in its session, which is opened again if need be; return False if that cannot be.

        Args:
            session_id: as the client knows it.
            receive: returns the way to read the request, from its beginning.
        """
        session.active += 1
        self._records.use(session)
        try:
            for _ in range(2):  # the SDK's session may end at any moment, also between the look and the request
                sdk_id = None if session.has_ended else await self._wake(session, scope)
                if sdk_id is None:
                    return False
                is_gone = has_ended = False

                async def translated(message: Message, sdk_id: str = sdk_id) -> None:
                    nonlocal is_gone, has_ended
                    if message["type"] == "http.response.start":
                        # The SDK answers 404 to what it has not begun, and 500 to what was in progress.
                        is_gone = message["status"] in (404, 500) and not has_session(self._kept, sdk_id)
                        has_ended = is_gone and message["status"] == 500
                        ours = [
                            (n, session_id.encode() if n.lower() == SESSION_ID else v) for n, v in message["headers"]
                        ]
                        message = {**message, "headers": ours}
                    if not is_gone:
                        await send(message)

                headers = [(n, sdk_id.encode() if n == SESSION_ID else v) for n, v in scope["headers"]]
                await self._kept.handle_request({**scope, "headers": headers}, receive(), translated)
                if not is_gone:
                    return True
                if has_ended:  # it may have been carried out: it is not sent again
                    return False
            return False
        finally:
            session.active -= 1
            self._records.use(session)

    # The SDK's session behind one.

    async def _wake(self, session: Session, scope: Scope) -> str | None:
        """Return the id of the SDK's session, opened again if it is not there; None if that cannot be."""
        async with session.opening:
            if session.sdk_id is not None and has_session(self._kept, session.sdk_id):
                return session.sdk_id
            session.sdk_id = None
            if not await self._make_room(session.grant_id, is_new=False):
                return None
            try:
                self._opening += 1
                with trio.move_on_after(OPEN_WITHIN_S, shield=True):
                    session.sdk_id = await self._open_again(session, scope)
            except HarnessError:  # the disk does not tell what it was opened with
                return None
            finally:
                self._opening -= 1
            if session.has_ended:
                await self._let_go(session)
            return session.sdk_id

    async def _open_again(self, session: Session, scope: Scope) -> str | None:
        """Repeat `initialize`, `initialized` and the subscriptions; return the id of the SDK's session."""
        state = await self._records.state(session)
        if state is None:
            return None
        session.owner = scope["user"]
        who = {"user": session.owner, CALLER_KEY: scope[CALLER_KEY]}
        say = partial(request, self._kept.handle_request, "POST", who)
        opened = await say(message={"id": 0, "method": "initialize", "params": json.loads(state.parameters)})
        if not opened.is_ok or opened.session_id is None:
            return None
        await say(session_id=opened.session_id, message={"method": "notifications/initialized"})
        for number, uri in enumerate(state.uris, 1):
            message = {"id": number, "method": "resources/subscribe", "params": {"uri": uri}}
            await say(session_id=opened.session_id, message=message)
        return opened.session_id

    async def _make_room(self, grant_id: str, *, is_new: bool) -> bool:
        """Make room for one more session of the SDK's; return False if every one of them is in use.

        A grant at its limit loses its own least recently used session, for good. Beyond the endpoint's limit sessions
        only wait as rows, those of the same grant first.
        """
        if is_new and len(mine := self._records.living(grant_id)) >= MAX_OF_GRANT:
            idle = [session for session in mine if not session.streams]
            if not idle:
                return False
            await self._end(min(idle, key=lambda session: (session.active, session.used_at)))
        while True:
            held = [s for s in self._records.living() if s.sdk_id is not None and has_session(self._kept, s.sdk_id)]
            if len(held) + self._opening < self._max_open:
                return True
            idle = [session for session in held if not session.active]
            if not idle:
                return False
            await self._let_go(min(idle, key=lambda session: (session.grant_id != grant_id, session.used_at)))

    async def _end(self, session: Session) -> None:
        self._records.end(session)
        await self._let_go(session)

    async def _let_go(self, session: Session) -> None:
        """End the SDK's session with a DELETE, which is all that the SDK offers."""
        sdk_id, session.sdk_id = session.sdk_id, None
        if sdk_id is not None:
            await request(self._kept.handle_request, "DELETE", {"user": session.owner}, session_id=sdk_id)

    def _find(self, session_id: str | None, caller: Caller) -> Session | None:
        session = self._records.find(session_id, caller.id)
        return session if session is not None and not session.has_ended else None


_READ_HEADERS = frozenset({b"mcp-method", b"mcp-name", b"mcp-protocol-version", SESSION_ID})


def _normalized(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers with the media type in lower case: the SDK compares it as it is written."""
    return [(name, value.lower() if name == b"content-type" else value) for name, value in headers]


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


def _parse(body: bytes) -> Any:
    """Return a body as JSON, or None; the SDK refuses what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_error(body: bytes) -> bool:
    """Say whether a JSON answer is an error."""
    answer = _parse(body)
    return isinstance(answer, dict) and "error" in answer


def _methods(value: Any) -> set[str]:
    """Return the JSON-RPC methods that a body names."""
    messages = value if isinstance(value, list) else [value]
    return {m["method"] for m in messages if isinstance(m, dict) and isinstance(m.get("method"), str)}


def _asks_for_progress(message: Any) -> bool:
    """Return whether a message calls a tool that tells how far it is, and asks to be told."""
    params = message.get("params") if isinstance(message, dict) and message.get("method") == "tools/call" else None
    if not isinstance(params, dict) or params.get("name") not in TELLING:
        return False
    meta = params.get("_meta")
    return isinstance(meta, dict) and "progressToken" in meta


def _without_session(scope: Scope) -> Scope:
    return {**scope, "headers": [(n, v) for n, v in scope["headers"] if n != SESSION_ID]}


async def _answer(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    """Answer with a JSON-RPC error that belongs to no request."""
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": message}}).encode()
    base = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
    await send({"type": "http.response.body", "body": body})
