"""What is relied upon in Hypercorn, and the protocol without any IO."""

from __future__ import annotations

import ast
import inspect
import json
import operator
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import h11
import hypercorn.config
import hypercorn.events
import hypercorn.protocol.events
import hypercorn.protocol.h11
import hypercorn.protocol.http_stream
import hypercorn.trio.worker_context
import hypercorn.utils
import pytest
import trio

from rhd.web.serving.exchange import Exchange
from rhd.web.serving.http11 import Expects, Http11, MalformedRequest, check_head, configure


class Peer:
    """An `Http11` whose exchanges a test answers by hand."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self.exchanges: list[Exchange] = []
        self.http = Http11(configure(4096), socket, self.exchanges.append, self._invite, lambda owner: True)

    async def _invite(self) -> None:
        await self.http.invite_body()

    async def ask(self, request: bytes) -> Exchange:
        await self.http.feed(request)
        return self.exchanges[-1]

    async def answer(self, body: bytes, *headers: tuple[bytes, bytes], more_body: bool = False) -> None:
        send: Callable[[Any], Awaitable[None]] = self.exchanges[-1].send_raw
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body, "more_body": more_body})


@pytest.fixture
def peer() -> Iterator[Peer]:
    one, other = trio.socket.socketpair()
    with one, other:
        yield Peer(one)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


# The contract: every private part of Hypercorn that http11.py relies upon, by name. If one of these fails, a new
# Hypercorn has moved it, and http11.py has to follow before anything else is looked at.

H11 = hypercorn.protocol.h11.H11Protocol
STREAM = hypercorn.protocol.http_stream.HTTPStream


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(function: Callable[..., Any]) -> str:
    return "".join(inspect.getsource(function).split())


def test_contract_the_version_is_the_one_that_was_read() -> None:
    assert version("hypercorn").startswith("0.18.")


SIGNATURES: dict[str, tuple[Callable[..., Any], str]] = {
    "H11Protocol.__init__": (
        H11.__init__,
        "self app config context task_group connection_state ssl client server send",
    ),
    "H11Protocol.handle": (H11.handle, "self event"),
    "H11Protocol.stream_send": (H11.stream_send, "self event"),
    "H11Protocol._handle_events": (H11._handle_events, "self"),
    "H11Protocol._create_stream": (H11._create_stream, "self request"),
    "H11Protocol._send_h11_event": (H11._send_h11_event, "self event"),
    "H11Protocol._send_error_response": (H11._send_error_response, "self status_code"),
    "H11Protocol._maybe_recycle": (H11._maybe_recycle, "self"),
    "HTTPStream.__init__": (
        STREAM.__init__,
        "self app config context task_group ssl client server send stream_id",
    ),
    "HTTPStream.handle": (STREAM.handle, "self event"),
    "HTTPStream.app_send": (STREAM.app_send, "self message"),
    "Config.response_headers": (hypercorn.config.Config.response_headers, "self protocol"),
    "WorkerContext.__init__": (hypercorn.trio.worker_context.WorkerContext.__init__, "self max_requests"),
    "parse_socket_addr": (hypercorn.utils.parse_socket_addr, "family address"),
}


@pytest.mark.parametrize(("function", "expected"), SIGNATURES.values(), ids=SIGNATURES)
def test_contract_signature(function: Callable[..., Any], expected: str) -> None:
    assert parameters(function) == expected.split()


EVENTS: dict[str, tuple[Any, str]] = {
    "events.RawData": (hypercorn.events.RawData, "data address"),
    "events.Updated": (hypercorn.events.Updated, "idle"),
    "events.Closed": (hypercorn.events.Closed, ""),
    "protocol.events.Request": (
        hypercorn.protocol.events.Request,
        "stream_id headers http_version method raw_path state",
    ),
    "protocol.events.Response": (hypercorn.protocol.events.Response, "stream_id headers status_code"),
    "protocol.events.Body": (hypercorn.protocol.events.Body, "stream_id data"),
    "protocol.events.EndBody": (hypercorn.protocol.events.EndBody, "stream_id"),
}


@pytest.mark.parametrize(("event", "expected"), EVENTS.values(), ids=EVENTS)
def test_contract_event(event: Any, expected: str) -> None:
    assert [field.name for field in fields(event)] == expected.split()


SETTINGS = ("errorlog", "include_server_header", "keep_alive_max_requests", "h11_max_incomplete_size")


@pytest.mark.parametrize("name", SETTINGS)
def test_contract_setting(name: str) -> None:
    """A setting that Hypercorn does not know would be set in vain."""
    assert hasattr(hypercorn.config.Config, name)


BEHAVIOURS: dict[str, tuple[Callable[..., Any], str]] = {
    "a stream asks the task group for its app, and puts the body where it is told": (
        STREAM.handle,
        "self.app_put=awaitself.task_group.spawn_app(self.app,self.config,self.scope,self.app_send)",
    ),
    "a stream that is closed says http.disconnect": (STREAM.handle, 'awaitself.app_put({"type":"http.disconnect"})'),
    "the end of an answer closes the stream": (
        STREAM._send_closed,
        "awaitself.send(StreamClosed(stream_id=self.stream_id))",
    ),
    "a closed stream recycles the connection": (
        H11.stream_send,
        "elifisinstance(event,StreamClosed):awaitself._maybe_recycle()",
    ),
    "recycling closes the stream first": (H11._maybe_recycle, "awaitself._close_stream()"),
    "a recycled connection is told to be idle": (H11._maybe_recycle, "awaitself.send(Updated(idle=True))"),
    "any other is told to be closed": (
        H11._maybe_recycle,
        "else:awaitself.can_read.set()awaitself.send(Closed())",
    ),
    "what is read goes to h11, then to _handle_events": (
        H11.handle,
        "self.connection.receive_data(event.data)awaitself._handle_events()",
    ),
    "what is sent comes as RawData": (H11._send_h11_event, "awaitself.send(RawData(data=data))"),
}


@pytest.mark.parametrize(("function", "expected"), BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_contract_behaviour(function: Callable[..., Any], expected: str) -> None:
    assert expected in source(function)


def test_contract_an_answer_begins_when_the_state_leaves_request() -> None:
    states = [state.name for state in hypercorn.protocol.http_stream.ASGIHTTPState]
    assert states == ["REQUEST", "RESPONSE", "TRAILERS", "CLOSED"]


PARTS = (
    *("app", "client", "config", "connection", "connection_state", "context", "handle", "server", "ssl", "stream"),
    *("task_group", "_send_h11_event", "stream.handle", "stream.state"),
)


@pytest.mark.parametrize("name", PARTS)
async def test_contract_part(peer: Peer, name: str) -> None:
    """Before the first request, so that nothing here has set any; only a stream is there when a request is."""
    if name.startswith("stream."):
        await peer.ask(GET)
        assert isinstance(peer.http.stream, STREAM)
    operator.attrgetter(name)(peer.http)


def test_contract_parts_hold_what_they_are_named_after(peer: Peer) -> None:
    http = peer.http
    assert (http.task_group, http.ssl, http.stream) == (http, False, None)
    assert list(http.connection_state) == ["authenticate"]
    assert isinstance(http.connection, h11.Connection)


def test_contract_every_part_that_is_reached_for_is_named() -> None:
    """One more `self.…` of Hypercorn's is one more private part to watch."""
    (made,) = (node for node in ast.walk(ast.parse(inspect.getsource(Http11))) if isinstance(node, ast.ClassDef))
    own = {name for name in vars(Http11) if name not in Http11.__annotations__}
    (init,) = (node for node in made.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    own |= {node.attr for node in _of(init, "self") if isinstance(node.ctx, ast.Store)}
    reached = {node.attr for node in _of(made, "self")} - own
    reached |= {f"stream.{node.attr}" for node in _of(made, "self.stream")}
    assert reached == set(PARTS)


def _of(tree: ast.AST, owner: str) -> list[ast.Attribute]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner]


def test_contract_nothing_else_is_overridden() -> None:
    """What Http11 defines and H11Protocol too; another name here is another private part to watch."""
    shared = {name for name in vars(Http11) if name in vars(H11)}
    shared = {name for name in shared if not name.startswith("__")}
    assert shared == {"stream_send", "_handle_events", "_create_stream", "_send_error_response"}


# The protocol, with bytes in and bytes out.


async def test_a_request_is_followed_from_its_head_to_its_end(peer: Peer) -> None:
    states = [peer.http.expects]
    for part in (b"POST / HTTP/1.1\r\n", b"Host: x\r\nContent-Length: 4\r\n\r\n", b"ab", b"cd"):
        await peer.http.feed(part)
        states.append(peer.http.expects)
    assert states == [Expects.HEAD, Expects.HEAD, Expects.BODY, Expects.BODY, Expects.NOTHING]
    assert not peer.http.has_answer_begun
    await peer.answer(b"")
    assert (peer.http.has_recycled, peer.http.has_ended, peer.http.expects) == (True, False, Expects.HEAD)


async def test_the_head_of_an_answer_of_declared_length_waits_for_the_body(peer: Peer) -> None:
    exchange = await peer.ask(GET)
    await exchange.send_raw({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    assert peer.http.has_answer_begun
    assert peer.http.is_corked
    await exchange.send_raw({"type": "http.response.body", "body": b"ok"})
    assert not peer.http.is_corked
    written = peer.http.take()
    assert written.startswith(b"HTTP/1.1 200 ")
    assert written.endswith(b"\r\n\r\nok")


async def test_the_head_of_a_stream_does_not_wait(peer: Peer) -> None:
    exchange = await peer.ask(GET)
    await exchange.send_raw({"type": "http.response.start", "status": 200, "headers": []})
    assert not peer.http.is_corked
    written = peer.http.take()
    assert b"transfer-encoding: chunked" in written.lower()


async def test_what_is_read_behind_a_request_is_kept(peer: Peer) -> None:
    await peer.ask(GET + GET)
    peer.http.keep(GET)
    assert len(peer.exchanges) == 1
    assert peer.http.kept_bytes == 2 * len(GET)
    await peer.answer(b"first")
    await peer.http.resume()
    assert len(peer.exchanges) == 2
    assert peer.http.kept_bytes == len(GET)


async def test_the_last_answer_says_so_and_ends_the_connection(peer: Peer) -> None:
    await peer.ask(GET)
    peer.http.is_last = True
    await peer.answer(b"last")
    assert b"\r\nconnection: close\r\n" in peer.http.take().lower()
    assert (peer.http.has_recycled, peer.http.has_ended) == (False, True)


async def test_an_answer_before_the_end_of_the_body_ends_the_connection(peer: Peer) -> None:
    await peer.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
    await peer.answer(b"no")
    assert b"\r\nconnection: close\r\n" in peer.http.take().lower()
    assert peer.http.has_ended
    await peer.http.feed(b"cd")  # what still comes belongs to no request
    assert len(peer.exchanges) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_refusal_is_json_for_those_who_may_have_a_body(peer: Peer, method: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        await peer.http.feed(f"{method} nowhere HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert refused.value.status == 400
    assert await peer.http.refuse(400)
    head, _, body = peer.http.take().partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert b"connection: close" in head.lower()
    assert b"date: " in head.lower()
    assert body == (b"" if method == "HEAD" else json.dumps({"error": "bad_request"}).encode())


async def test_an_answer_that_has_begun_cannot_be_refused(peer: Peer) -> None:
    await peer.ask(GET)
    await peer.answer(b"half", more_body=True)
    peer.http.take()
    assert not await peer.http.refuse(408)
    assert peer.http.take() == b""


async def test_a_body_is_invited_once_and_only_if_the_client_waits(peer: Peer) -> None:
    await peer.ask(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await peer.http.invite_body()
    assert peer.http.take().startswith(b"HTTP/1.1 100 ")
    assert not await peer.http.invite_body()


async def test_a_body_of_tiny_chunks_lets_others_run(peer: Peer) -> None:
    """Thousands of small chunks are work for a tenth of a second."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await peer.http.feed(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"10\r\n" + b"a" * 16 + b"\r\n" + b"10\r\naaaaaaaaaaaaaaaa\r\n" * 5000
        )
        nursery.cancel_scope.cancel()
    assert turns > 10


# Judging requests.


def request(target: bytes, method: bytes = b"GET", *headers: tuple[bytes, bytes]) -> h11.Request:
    return h11.Request(method=method, target=target, headers=[(b"host", b"ours"), *headers])


TARGETS = {
    b"/": (b"/", b"ours"),
    b"/a?b=c": (b"/a?b=c", b"ours"),
    b"//evil/a": (b"//evil/a", b"ours"),
    b"http://other": (b"/", b"other"),
    b"HTTPS://other:8/a?b": (b"/a?b", b"other:8"),
    b"http://other?b": (b"/?b", b"other"),
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.items())
def test_a_target_is_served_in_origin_form(target: bytes, expected: tuple[bytes, bytes]) -> None:
    path, headers = check_head(request(target))
    assert (path, dict(headers)[b"host"]) == expected
    assert len(headers) == 1


@pytest.mark.parametrize("target", [b"*", b"a", b"http:///a", b"http://", b"http://u@a/", b"file:///a", b"http://a/#b"])
def test_any_other_target_is_refused(target: bytes) -> None:
    with pytest.raises(MalformedRequest) as refused:
        check_head(request(target))
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding: chunked,\r\n\tchunked\r\n",
        b"X: a\r\n b\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\ncontent-length : 2\r\n",
        b"Content-Length: 2, 2\r\n",
    ],
    ids=["folded coding", "folded list", "folded field", "repeated length", "repeated length apart", "length list"],
)
async def test_a_head_that_two_parsers_could_read_differently_is_refused(peer: Peer, lines: bytes) -> None:
    with pytest.raises(MalformedRequest) as refused:
        await peer.http.feed(b"POST / HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    assert refused.value.status == 400
    assert peer.exchanges == []


async def test_a_body_may_look_like_a_head(peer: Peer) -> None:
    body = b"\nContent-Length: 1\nContent-Length: 2\n folded\n\n"
    exchange = await peer.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert (await exchange.receive())["body"] == body


def test_contract_of_h11_s_buffer() -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"\r\nGET")
    buffer = connection._receive_buffer
    assert buffer._data == b"\r\nGET"
    assert buffer.maybe_extract_at_most(2) == b"\r\n"
    assert connection.trailing_data == (b"GET", False)


@pytest.mark.parametrize(("size", "is_refused"), [(1, True), (15, True), (16, False), (1000, False)])
async def test_a_body_in_thousands_of_tiny_chunks_is_refused(peer: Peer, size: int, is_refused: bool) -> None:
    """One byte a chunk, a body of 32 KiB would take the loop for a tenth of a second, before any check."""
    chunks = (b"%x\r\n" % size + b"x" * size + b"\r\n") * 600
    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    with trio.fail_after(5), trio.move_on_after(0.5) as reading:  # what is not read of a large body waits
        if is_refused:
            with pytest.raises(MalformedRequest):
                await peer.http.feed(request)
        else:
            await peer.http.feed(request)
    assert is_refused or reading.cancelled_caught or peer.exchanges
