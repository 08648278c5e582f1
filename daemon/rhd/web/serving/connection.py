"""`HttpConnection`: one connection, from accepting to closing.

A reader task owns the socket. It also reads while an answer is being made, to notice that the client leaves; it stops
reading while much of a body or many further requests are unread. A request of a client that has shown no token is read
in steps that grow longer, so that bytes that arrive one by one cost little. One deadline bounds every wait of the
reader. Each request's app runs in a task of its own and writes its answer.

A client may close its side once it has sent its request (TCP's half-close), which looks the same as leaving. Its
answer is still sent if it comes soon; an answer that has begun to stream is broken off.
"""

from __future__ import annotations

import enum
import logging
import select
import socket
import struct
from contextlib import suppress
from math import inf
from typing import Protocol

import trio
from hypercorn.config import Config

from rhd.asgi import ASGIApp, Message
from rhd.web.serving.connection_slots import ConnectionSlots
from rhd.web.serving.exchange import Exchange
from rhd.web.serving.failures import contain
from rhd.web.serving.http11 import Expects, Http11, MalformedRequest, render_error
from rhd.web.serving.server_limits import ServerLimits

log = logging.getLogger(__name__)

_RECEIVE_BYTES = 32 * 1024
_KEPT_BYTES = 64 * 1024
_NEW_S = 0.3
_SMALL_BYTES = 4096
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Phase(enum.Enum):
    """What a connection is doing, as its reader sees it; each has its own bound."""

    NEW = "accepted, nothing read yet"
    IDLE = "between requests"
    HEAD = "a part of a request's head has been read"
    BODY = "the app has the head, the body is incomplete"
    BUSY = "the request is complete, its answer is not"
    OVER = "no further request is served"


class ConnectionOwner(Protocol):
    """What a connection needs of the server that accepted it.

    Attributes:
        config: Hypercorn's, as `http11.configure` makes it.
        drain_idle_s: how long the connection has been idle when draining closes it.
    """

    app: ASGIApp
    config: Config
    drain_idle_s: float
    is_draining: bool
    limits: ServerLimits
    slots: ConnectionSlots

    def note_end(self, connection: HttpConnection) -> None:
        """Learn that the connection has ended."""

    def note_idle(self, connection: HttpConnection) -> None:
        """Learn that the connection waits for its next request."""


class HttpConnection:
    """One connection. Made when accepted; `run` serves it."""

    __slots__ = (
        "_deadline",
        "_exchange",
        "_has_next",
        "_idle_since",
        "_is_broken",
        "_is_half_closed",
        "_is_known",
        "_next_read_at",
        "_nursery",
        "_pace_s",
        "_phase",
        "_protocol",
        "_reading",
        "_server",
        "_stream",
        "_write_lock",
        "_writing",
    )

    def __init__(self, server: ConnectionOwner, stream: trio.SocketStream) -> None:
        self._server = server
        self._stream = stream
        self._protocol = Http11(server.config, stream.socket, self._begin, self._invite_body, self._authenticate)
        self._nursery: trio.Nursery
        self._exchange: Exchange | None = None
        self._write_lock = trio.Lock()
        self._reading = self._writing = trio.CancelScope()
        self._has_next = False  # the next request, or a part of it, has been read already
        self._is_broken = False  # nothing more reaches the client
        self._is_half_closed = False  # the client sends nothing more
        self._is_known = False  # the request in hand has shown a valid token
        self._pace_s = self._next_read_at = 0.0
        self._idle_since = trio.current_time()
        self._phase: Phase
        self._deadline: float
        self._become(Phase.NEW, server.limits.header_s)
        if server.is_draining:
            self.drain()

    # What the server asks for.

    def drain(self) -> None:
        """Answer one more request, and close when idle for long enough."""
        self._protocol.is_last = True
        if self._phase is Phase.IDLE:
            self._set_deadline(self._idle_since + self._server.drain_idle_s)
        elif self._phase is Phase.NEW:  # its first request may be on its way
            self._set_deadline(self._idle_since + max(self._server.drain_idle_s, _NEW_S))

    def abort(self) -> None:
        """Break off whatever is under way."""
        self._break()
        if self._write_lock.locked():  # the client does not read; the kernel would go on offering
            self._writing.cancel()
            with suppress(OSError):  # closed already
                self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    # Its life.

    async def run(self) -> None:
        """Serve the connection. Nothing leaves this but cancellation from outside."""
        try:
            async with trio.open_nursery() as self._nursery:
                await self._serve_requests()
                self._stream.socket.close()  # the app may go on after its answer
        except BaseException as error:
            if (passing := contain(error, "connection", log)) is not None:
                raise passing from None
        finally:
            self._stream.socket.close()
            self._server.note_end(self)
            self._let_go()

    def _let_go(self) -> None:
        """Drop what refers back to the connection, so that it is freed at once.

        A full garbage collection holds up the loop; a flood of short connections would cause one each second.
        """
        self._protocol.let_go()
        if self._exchange is not None:
            self._exchange.asgi["state"].pop("authenticate", None)
        del self._protocol, self._exchange, self._nursery

    async def _serve_requests(self) -> None:
        refused = None
        try:
            await self._read()
        except MalformedRequest as error:
            refused = error
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._break()
        self._become(Phase.OVER, inf)
        self._cancel_app()
        if refused is not None:
            if await self._protocol.refuse(refused.status):
                await self._flush()
            else:
                self.abort()
        if not self._is_broken:
            await self._linger()

    async def _read(self) -> None:
        """Read and parse until the connection has served its last request.

        Raises:
            MalformedRequest: it ends with an error of serving's own.
        """
        while not self._is_over:
            if self._has_next:
                self._has_next = False
                await self._protocol.resume()
                self._look()
                continue
            with trio.CancelScope(deadline=self._deadline) as self._reading:
                if self._is_half_closed or (self._is_busy and self._protocol.kept_bytes >= _KEPT_BYTES):
                    await trio.sleep_forever()  # interrupted when the answer is complete
                if self._next_read_at:
                    await trio.sleep_until(self._next_read_at)
                # The stream's own `receive_some` leaves a reference cycle for each connection that is reset.
                data = await self._stream.socket.recv(_RECEIVE_BYTES)
            if self._reading.cancelled_caught:
                if not (self._is_over or self._has_next):
                    self._time_out()
            elif not data:
                self._half_close()
            elif self._is_busy:
                self._protocol.keep(bytes(data))
            else:
                await self._protocol.feed(bytes(data))
                self._look()
                if self._phase in (Phase.HEAD, Phase.BODY) and len(data) < _SMALL_BYTES:
                    self._slow_down()

    def _look(self) -> None:
        """Find out how far the request has come."""
        if self._is_over:
            return
        limits, expects = self._server.limits, self._protocol.expects
        if expects is Expects.NOTHING:
            self._become(Phase.BUSY, inf)
            return
        if expects is Expects.BODY:
            if self._phase is not Phase.BODY:
                self._become(Phase.BODY, limits.body_s)
        elif self._phase in (Phase.NEW, Phase.IDLE):
            if self._phase is Phase.IDLE:
                self._become(Phase.HEAD, limits.header_s)
            self._phase = Phase.HEAD  # of a new connection the time began with accepting
            self._server.slots.begin(self)

    def _slow_down(self) -> None:
        """Leave what a client sends of an unfinished request in the kernel for a while, unless the client is known."""
        if not self._is_known:
            self._next_read_at = trio.current_time() + self._pace_s
            self._pace_s = min(2 * self._pace_s or _FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    def _half_close(self) -> None:
        """Answer a complete request although its client sends nothing more; without one, the connection is over."""
        if self._is_busy and not self._protocol.has_answer_begun:
            self._is_half_closed = True
            self._set_deadline(trio.current_time() + self._server.limits.half_closed_s)
        else:
            self._break()

    def _time_out(self) -> None:
        if self._phase in (Phase.HEAD, Phase.BODY):
            raise MalformedRequest(408)
        if self._is_half_closed:
            self._break()
            return
        if is_readable(self._stream.socket):  # a request came at the last moment
            self._become(Phase.HEAD, self._server.limits.header_s)
        else:  # no await since the look: what a client sends in between is lost
            self._stream.socket.close()
            self._break()

    async def _linger(self) -> None:
        """Close our side, then let the client read what it got, and close its own.

        A socket that is closed with unread bytes in it is reset, and the client may lose the answer (RFC 9112 §9.6).
        """
        with trio.move_on_after(self._server.limits.linger_s):
            with suppress(trio.BrokenResourceError):
                await self._stream.send_eof()
                while await self._stream.receive_some(_RECEIVE_BYTES):
                    pass

    # Its state.

    @property
    def _is_busy(self) -> bool:
        return self._phase is Phase.BUSY

    @property
    def _is_over(self) -> bool:
        return self._phase is Phase.OVER

    def _become(self, phase: Phase, within_s: float) -> None:
        self._phase = phase
        self._set_deadline(trio.current_time() + within_s)
        if phase is Phase.BUSY:
            self._server.slots.complete(self)
        elif phase is Phase.IDLE:
            self._server.note_idle(self)

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = self._reading.deadline = deadline

    def _break(self) -> None:
        self._is_broken = True
        self._become(Phase.OVER, inf)
        self._reading.cancel()
        self._cancel_app()

    def _cancel_app(self) -> None:
        if self._exchange is not None:
            self._exchange.cancel()

    # The app.

    def _begin(self, exchange: Exchange) -> None:
        self._is_known = False
        self._pace_s = self._next_read_at = 0.0
        self._server.slots.begin(self)
        self._exchange = exchange
        self._nursery.start_soon(self._run_app, exchange)

    def _authenticate(self, owner: str) -> bool:
        """Learn from the app that the request in hand has shown a valid token; see `ConnectionSlots.authenticate`."""
        self._is_known = self._server.slots.authenticate(self, owner)
        self._next_read_at = 0.0
        return self._is_known

    async def _run_app(self, exchange: Exchange) -> None:
        try:
            await self._serve_exchange(exchange)
        finally:
            exchange.let_go()

    async def _serve_exchange(self, exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            if self._is_half_closed and _begins_stream(message):
                self._break()
            if self._is_broken or exchange.is_cancelled:
                await trio.lowlevel.checkpoint()  # or an app that only sends would never learn that it is cancelled
                return
            await exchange.send_raw(message)
            await self._flush()

        try:
            with exchange.scope:
                await self._server.app(exchange.asgi, exchange.receive, send)
        except BaseException as error:
            if (passing := contain(error, "app", log)) is not None:
                raise passing from None
        if exchange.is_over or exchange.is_cancelled:
            return
        if self._protocol.has_answer_begun:
            self._break()  # the client must not take half an answer for the whole
        else:
            body, headers = render_error(500)
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _invite_body(self) -> None:
        if await self._protocol.invite_body():
            await self._flush()

    async def _flush(self) -> None:
        """Write what the protocol has for the client, and act on what it says about the connection.

        Bounded, and shielded from the app's own cancellations: half a chunk would spoil the connection.
        """
        if self._protocol.is_corked:
            return
        if self._write_lock.locked():
            await self._write_lock.acquire()
        else:
            self._write_lock.acquire_nowait()
        try:
            data = self._protocol.take()
            deadline = trio.current_time() + self._server.limits.write_s
            with trio.CancelScope(shield=True, deadline=deadline) as self._writing:
                await self._stream.send_all(data)  # a checkpoint even if there is nothing to send
            if self._writing.cancelled_caught:
                self.abort()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break()
        finally:
            self._write_lock.release()
        if self._is_over:
            return
        if self._protocol.has_ended:
            self._become(Phase.OVER, inf)
            self._reading.cancel()
        elif self._protocol.has_recycled:
            self._protocol.has_recycled = False
            self._await_request()

    def _await_request(self) -> None:
        limits = self._server.limits
        self._pace_s = self._next_read_at = 0.0
        if self._is_half_closed and not self._protocol.kept_bytes:
            self._become(Phase.OVER, inf)
            self._reading.cancel()
        elif self._protocol.kept_bytes:
            self._has_next = True
            self._become(Phase.HEAD, limits.header_s)
            self._reading.cancel()
        else:
            self._idle_since = trio.current_time()
            self._become(Phase.IDLE, self._server.drain_idle_s if self._server.is_draining else limits.keep_alive_s)


def _begins_stream(message: Message) -> bool:
    """Say whether an answer begins that has no declared length: its client is expected to stay."""
    return message["type"] == "http.response.start" and not any(
        name.lower() == b"content-length" for name, _ in message["headers"]
    )


def is_readable(sock: trio.socket.SocketType) -> bool:
    """Say whether something waits to be read or accepted, without waiting for it."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
