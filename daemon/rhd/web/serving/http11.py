"""`Http11`: Hypercorn's HTTP/1.1 protocol and ASGI stream, as far as they are used.

The only module that touches Hypercorn; its tests name each of the private parts relied upon. HTTP/2 and websockets
cannot be reached: their state machines are never built, an `Upgrade` header is ignored as RFC 9110 §7.8 allows, and
the preface of HTTP/2 is answered 505.
"""

from __future__ import annotations

import enum
import itertools
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from rhd.web.serving.exchange import Exchange

Headers = list[tuple[bytes, bytes]]

_MAX_HEADERS = 100
_EVENTS_AT_ONCE = 256
_FREE_PIECES, _LEAST_PIECE_BYTES = 512, 16
"""A body may come in so many pieces of any size; beyond them, they hold at least so many bytes on average. Parsing a
chunk of one byte costs as much as one of a thousand."""
_EMPTY_LINES = 4
_HEAD_END = re.compile(rb"\n\r?\n")
_FOLDED = re.compile(rb"\n[ \t]")
_CONTENT_LENGTH = re.compile(rb"\ncontent-length[ \t]*:", re.IGNORECASE)
_LENGTH_LIST = re.compile(rb"\ncontent-length[ \t]*:[^\n]*,", re.IGNORECASE)
_ABSOLUTE_FORM = re.compile(rb"https?://(?P<authority>[^/?#@]+)(?P<rest>(?:[/?][^#]*)?)\Z", re.IGNORECASE)

# What serving itself answers. Never a page, never a word of what the client sent.
_ERRORS = {
    400: "bad_request",
    408: "request_timeout",
    431: "headers_too_large",
    500: "internal",
    501: "not_implemented",
    505: "http_version_not_supported",
}

_CONTEXT = WorkerContext(None)  # for its types; nothing of a worker's life is left to it


class MalformedRequest(Exception):
    """The request is answered with `status` by serving itself, and the connection ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Expects(enum.Enum):
    """What has to be read next."""

    HEAD = enum.auto()
    BODY = enum.auto()
    NOTHING = enum.auto()


def configure(header_bytes: int) -> Config:
    """Return the configuration that the connections of one server share."""
    config = Config()
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = header_bytes
    return config


class Http11(H11Protocol):
    """The protocol of one connection: bytes in, requests to `begin`, bytes out by `take`. It does no IO.

    Attributes:
        is_last: set to say in the next answer's head that it is the connection's last.
        is_corked: the head of an answer waits for its body, to go out with it.
        has_recycled: the answer is complete, the next request may come; reset by the caller that acts on it.
        has_ended: the answer is complete, and the connection ends.
    """

    connection: h11.Connection

    def __init__(
        self,
        config: Config,
        socket: trio.socket.SocketType,
        begin: Callable[[Exchange], None],
        invite: Callable[[], Awaitable[None]],
        authenticate: Callable[[str], bool],
    ) -> None:
        """Make the protocol of one accepted socket.

        Args:
            begin: is called with each request as soon as its head is there.
            invite: is called when an app waits for a body that may not have been asked for.
            authenticate: what the app finds as `scope["state"]["authenticate"]`.
        """
        try:
            client = parse_socket_addr(socket.family, socket.getpeername())
        except OSError:  # it left already; reading will say so
            client = None
        super().__init__(
            lambda *_: None,  # type: ignore[arg-type]  # the app: spawn_app runs another
            config,
            _CONTEXT,
            self,  # type: ignore[arg-type]  # of a task group, spawn_app alone is used
            ConnectionState({"authenticate": authenticate}),
            False,
            client,
            parse_socket_addr(socket.family, socket.getsockname()),
            self._heed,
        )
        self.is_last = False
        self.is_corked = False
        self.has_recycled = False
        self.has_ended = False
        self._begin = begin
        self._invite = invite
        self._out: list[bytes] = []
        self._is_head = False
        self._pieces = self._piece_bytes = 0

    @property
    def expects(self) -> Expects:
        """What of a request has to be read next."""
        state = self.connection.their_state
        return Expects.HEAD if state is h11.IDLE else Expects.BODY if state is h11.SEND_BODY else Expects.NOTHING

    @property
    def has_answer_begun(self) -> bool:
        """Whether the app has sent the head of its answer to the request in hand."""
        return not isinstance(self.stream, HTTPStream) or self.stream.state is not ASGIHTTPState.REQUEST

    @property
    def kept_bytes(self) -> int:
        """How much has been read beyond the request in hand."""
        return len(self.connection.trailing_data[0])

    async def feed(self, data: bytes) -> None:
        """Parse what was read. Waits while the app leaves much of a body unread.

        Raises:
            MalformedRequest: it is not HTTP/1.1 as served here.
        """
        await self.handle(RawData(data))

    def keep(self, data: bytes) -> None:
        """Keep what was read while a request is in hand."""
        self.connection.receive_data(data)

    async def resume(self) -> None:
        """Parse what was kept; as `feed`."""
        await self._handle_events()

    def take(self) -> bytes:
        """Return what has to be written."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    async def refuse(self, status: int) -> bool:
        """Answer with an error of serving's own; return whether that was possible: an answer may have begun."""
        if self.connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return False
        await self._send_error_response(status)
        return True

    async def invite_body(self) -> bool:
        """Send `100 Continue` if the client waits for it; return whether it did."""
        if not self.connection.they_are_waiting_for_100_continue:
            return False
        await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))
        return True

    def let_go(self) -> None:
        """Drop everything: nothing is called any more. Hypercorn's parts and ours refer to each other."""
        if self.stream is not None:
            vars(self.stream).clear()
        vars(self).clear()

    # What Hypercorn calls.

    async def _heed(self, event: Event) -> None:
        if isinstance(event, RawData):
            self._out.append(event.data)
        elif isinstance(event, Updated):
            self.has_recycled = event.idle
        elif isinstance(event, Closed):
            self.has_ended = True

    async def spawn_app(
        self, _app: Any, _config: Any, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Hand a request on; return where its body goes."""
        exchange = Exchange(scope, send, self._invite)
        self._begin(exchange)
        return exchange.put

    async def stream_send(self, event: StreamEvent) -> None:
        """Turn what the stream sends into bytes."""
        if isinstance(event, Response) and event.status_code >= 200:
            headers = event.headers
            # An answer of declared length goes out as one write, the head of a stream at once.
            self.is_corked = any(name.lower() == b"content-length" for name, _ in headers)
            # A body that is still on its way when the answer begins is not waited for.
            if self.is_last or self.connection.their_state is h11.SEND_BODY:
                event = Response(STREAM_ID, [*headers, (b"connection", b"close")], event.status_code)
        elif isinstance(event, Body | EndBody):
            self.is_corked = False
        await super().stream_send(event)

    async def _handle_events(self) -> None:
        # Hypercorn's own waits here for the answer to the request before, and does not see the client leave.
        for number in itertools.count(1):
            if number % _EVENTS_AT_ONCE == 0:  # a body in chunks of one byte must not stall other requests
                await trio.lowlevel.checkpoint()
            try:
                if not self._has_next_line():
                    return
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                raise MalformedRequest(error.error_status_hint) from None
            if isinstance(event, h11.Request):
                await self._create_stream(event)
            elif self.stream is None:
                return
            elif isinstance(event, h11.Data):
                self._pieces += 1
                self._piece_bytes += len(event.data)
                if self._pieces > _FREE_PIECES and self._piece_bytes < self._pieces * _LEAST_PIECE_BYTES:
                    raise MalformedRequest(400)
                await self.stream.handle(Body(STREAM_ID, event.data))
            elif isinstance(event, h11.EndOfMessage):
                await self.stream.handle(EndBody(STREAM_ID))
            else:  # more has to be read, or the next request has to wait
                return

    def _has_next_line(self) -> bool:
        """Pass over empty lines before a request, and check what h11 would hide of its head.

        Returns:
            False if half an empty line has been read.

        Raises:
            MalformedRequest: two parsers could read the head differently.
        """
        if self.connection.their_state is not h11.IDLE:
            return True
        buffer = self.connection._receive_buffer
        for _ in range(_EMPTY_LINES):  # RFC 9112 §2.2: some clients send one behind a body
            if not buffer._data.startswith(b"\r\n"):
                break
            buffer.maybe_extract_at_most(2)
        if (end := _HEAD_END.search(buffer._data)) is not None:
            judge_head(bytes(buffer._data[: end.start()]))
        return buffer._data != b"\r"

    async def _create_stream(self, request: h11.Request) -> None:
        self._is_head = request.method == b"HEAD"
        self._pieces = self._piece_bytes = 0
        target, headers = check_head(request)
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        version, method = request.http_version.decode(), request.method.decode().upper()
        await self.stream.handle(Request(STREAM_ID, headers, version, method, target, self.connection_state))

    async def _send_error_response(self, status_code: int) -> None:
        body, headers = render_error(status_code)
        headers += [(b"connection", b"close"), *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        if not self._is_head:
            await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def judge_head(head: bytes) -> None:
    """Refuse a head that is valid only by rules that other parsers do not share (RFC 9112 §5.2, §6.3).

    Raises:
        MalformedRequest: a line is folded, or the length is given twice.
    """
    if _FOLDED.search(head) or len(_CONTENT_LENGTH.findall(head)) > 1 or _LENGTH_LIST.search(head):
        raise MalformedRequest(400)


def check_head(request: h11.Request) -> tuple[bytes, Headers]:
    """Return a request's target in origin form, and its headers.

    Raises:
        MalformedRequest: it is not supported, or two parsers could read it differently (RFC 9112 §3.2, §6.1).
    """
    headers = list(request.headers)
    names = {name for name, _ in headers}
    if request.http_version not in (b"1.1", b"1.0"):
        raise MalformedRequest(505)
    if request.method == b"CONNECT":
        raise MalformedRequest(501)
    if len(headers) > _MAX_HEADERS:
        raise MalformedRequest(431)
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        raise MalformedRequest(400)
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return target, headers
    if not (absolute := _ABSOLUTE_FORM.match(target)):
        raise MalformedRequest(400)
    # RFC 9112 §3.2.2: the authority of the target counts, whatever Host says.
    headers = [(b"host", absolute["authority"]), *(h for h in headers if h[0] != b"host")]
    rest = absolute["rest"]
    return (rest if rest.startswith(b"/") else b"/" + rest), headers


def render_error(status: int) -> tuple[bytes, Headers]:
    """Return the body and the headers of an answer of serving's own."""
    body = json.dumps({"error": _ERRORS.get(status, "bad_request")}).encode()
    return body, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
