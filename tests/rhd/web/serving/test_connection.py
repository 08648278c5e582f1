"""One connection over a real socket: what it serves, what it bounds, and that it harms itself alone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import h11
import pytest
import trio

from rhd.asgi import ASGIApp, Receive, Scope, Send
from rhd.web.serving import ServerLimits
from rhd.web.serving.http11 import Http11
from tests.support.serving_app import IMPATIENT_BYTES, App, answer, read_body
from tests.support.serving_client import QUICK, Client, Ended, Served, serving
from tests.support.serving_frameworks import FRAMEWORKS


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def served(app: App) -> AsyncIterator[Served]:
    async with serving(app) as served:
        yield served


async def assert_serves(served: Served) -> None:
    """The server still answers a new client."""
    client = await served.connect()
    assert (await client.request("/health")).status == 200


# What it serves.


async def test_a_request_reaches_the_app_whole(served: Served) -> None:
    client = await served.connect()
    answer = await client.request("/a%20b?q=1", method="POST", body=b"x" * 100_000, accept="*/*")
    facts = answer.json()
    assert (facts["method"], facts["path"], facts["query"]) == ("POST", "/a b", "q=1")
    assert facts["body"] == "x" * 100_000
    assert facts["headers"]["accept"] == "*/*"
    assert tuple(facts["client"]) == client.stream.socket.getsockname()
    assert tuple(facts["server"]) == ("127.0.0.1", served.port)


async def test_a_connection_serves_one_request_after_another(served: Served) -> None:
    client = await served.connect()
    for number in range(20):
        answer = await client.request(f"/{number}", method="POST", body=b"{}")
        assert answer.json()["path"] == f"/{number}"
        assert not answer.is_last


async def test_an_answer_names_its_date_and_not_its_server(served: Served) -> None:
    client = await served.connect()
    headers = (await client.request("/")).headers
    assert headers["date"].endswith("GMT")
    assert "server" not in headers


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    client = await served.connect()
    await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(20)))
    for number in range(20):
        assert (await client.answer()).json()["path"] == f"/{number}"


async def test_a_request_that_is_begun_while_another_is_answered_is_served_after_it(app: App, served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await app.wait_until(lambda a: a.running == 1)
    await client.send(b"GET /next HTTP/1.1\r\nHo")
    app.go.set()
    assert (await client.answer()).body == b"went"
    await client.send(b"st: x\r\n\r\n")
    assert (await client.answer()).json()["path"] == "/next"


async def test_more_than_a_connection_keeps_may_be_pipelined(app: App, served: Served) -> None:
    client = await served.connect()
    body = b"y" * 1_000_000
    second = b"POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with trio.open_nursery() as nursery:
        await client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.wait_until(lambda a: a.running == 1)
        nursery.start_soon(client.send, second)
        await trio.testing.wait_all_tasks_blocked()
        app.go.set()
        assert (await client.answer()).body == b"went"
        assert len((await client.answer()).json()["body"]) == len(body)


async def test_connection_close_is_honoured(served: Served) -> None:
    client = await served.connect()
    answer = await client.request("/", connection="close")
    assert answer.is_last
    await client.wait_closed()


@pytest.mark.parametrize("path", ["/cancels-itself", "/disconnected", "/works-on"])
async def test_connection_close_is_honoured_whatever_the_app_does_when_it_has_answered(
    app: App, served: Served, path: str
) -> None:
    client = await served.connect()
    assert (await client.request(path, connection="close")).status == 200
    await client.wait_closed()
    app.go.set()


async def test_an_app_that_ends_itself_with_its_answer_keeps_its_connection(served: Served) -> None:
    client = await served.connect()
    for _ in range(3):
        assert (await client.request("/cancels-itself")).body == b"framework"


@pytest.mark.parametrize("path", ["/whole", "/stream"])
@pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_connections_are_kept_closed_and_drained_under_real_frameworks(
    make: Callable[[], ASGIApp], path: str
) -> None:
    async with serving(make(), ServerLimits(drain_idle_s=0.1, drain_s=60)) as served:
        client, last = await served.connect(), await served.connect()
        for _ in range(3):
            answer = await client.request(path)
            assert (answer.status, answer.is_last) == (200, False)
            assert answer.body.startswith((b"whole", b"one", b"data: one"))
        assert (await last.request(path, connection="close")).is_last
        await last.wait_closed()
        served.stop.set()
        await client.wait_closed()


async def test_receive_says_disconnect_once_the_answer_is_complete(app: App, served: Served) -> None:
    client = await served.connect()
    await client.request("/disconnected")
    await app.wait_until(lambda a: "http.disconnect" in a.seen)


async def test_http_1_0_is_answered_and_closed(served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET /old HTTP/1.0\r\n\r\n")
    answer = await client.answer()
    assert answer.json()["version"] == "1.0"
    await client.wait_closed()


async def test_head_is_answered_without_a_body(served: Served) -> None:
    client = await served.connect()
    for _ in range(2):
        answer = await client.request("/", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0


async def test_the_authority_of_an_absolute_target_counts(served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET http://evil.example:81?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    facts = (await client.answer()).json()
    assert (facts["path"], facts["query"], facts["headers"]["host"]) == ("/", "a=b", "evil.example:81")


async def test_options_of_the_server_itself_reach_the_app(served: Served) -> None:
    client = await served.connect()
    await client.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.answer()).json()["path"] == "*"


UPGRADES = {
    "websocket": b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "h2c": b"HttpConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    "h2c with broken settings": b"HttpConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!!\r\n",
}


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
async def test_an_upgrade_is_ignored(served: Served, upgrade: bytes) -> None:
    client = await served.connect()
    for number in range(2):
        await client.send(b"GET /%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (number, upgrade))
        answer = await client.answer()
        assert (answer.status, answer.json()["path"]) == (200, f"/{number}")


async def test_a_body_is_invited_when_the_app_wants_it(served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert await client.receive() == b"HTTP/1.1 100 \r\n\r\n"
    await client.send(b"hello")
    assert (await client.answer()).json()["body"] == "hello"


async def test_a_body_that_nobody_wants_is_not_invited(served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST /deaf HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    answered = await client.receive_all()
    assert answered.startswith(b"HTTP/1.1 401 ")
    assert b"100" not in answered.partition(b"\r\n")[0]


async def test_the_head_of_a_stream_does_not_wait_for_its_body(app: App, served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET /silent HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
    client.close()
    await app.wait_until(lambda a: a.cancelled == ["/silent"])


async def test_an_answer_of_declared_length_is_one_write(served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = (await client.receive()).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


async def test_an_app_that_gives_up_on_a_write_does_not_spoil_the_stream(app: App, served: Served) -> None:
    client = await served.connect(receive_buffer=4096)
    await client.send(b"GET /impatient HTTP/1.1\r\nHost: x\r\n\r\n")
    await app.wait_until(lambda a: a.running == 1)
    await trio.testing.wait_all_tasks_blocked(0.01)
    app.go.set()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert (await client.answer()).body == bytes(IMPATIENT_BYTES) + b"end"


# A client that leaves.


@pytest.mark.parametrize("path", ["/flood", "/silent", "/stream", "/wait", "/sends-empty"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_the_app_is_cancelled_when_its_client_leaves(app: App, served: Served, path: str, how: str) -> None:
    if (path, how) == ("/wait", "close"):
        pytest.skip("no answer has begun: it may be half-closed")
    client = await served.connect()
    await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await app.wait_until(lambda a: a.running == 1)
    getattr(client, how)()
    await app.wait_until(lambda a: a.running == 0)
    assert app.cancelled == [path]
    await assert_serves(served)


async def test_the_app_is_cancelled_when_its_client_has_closed_its_side_for_long(app: App, quick: Served) -> None:
    client = await quick.connect()
    await client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    await app.wait_until(lambda a: a.running == 1)
    client.close()
    await app.wait_until(lambda a: a.running == 0)
    assert app.seen == app.cancelled == ["/wait"]


@pytest.mark.parametrize("requests", [1, 3])
async def test_a_client_that_closes_its_side_behind_its_requests_is_answered(
    app: App, served: Served, requests: int
) -> None:
    client = await served.connect()
    await client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    await client.stream.send_eof()
    await app.wait_until(lambda a: a.running == 1)
    await trio.testing.wait_all_tasks_blocked(0.01)
    app.go.set()
    for _ in range(requests):
        assert (await client.answer()).body == b"went"
    await client.wait_closed()
    assert app.cancelled == []


async def test_an_answer_that_streams_is_not_begun_for_a_client_that_has_closed_its_side(
    app: App, served: Served
) -> None:
    client = await served.connect()
    await client.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.stream.send_eof()
    await app.wait_until(lambda a: a.cancelled == ["/stream"])


# What is read of an unknown client.


async def test_bytes_that_come_one_by_one_are_read_in_ever_longer_steps(
    app: App, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    feed = Http11.feed

    async def counted(self: Http11, data: bytes) -> None:
        reads.append(len(data))
        await feed(self, data)

    monkeypatch.setattr(Http11, "feed", counted)
    client = await served.connect()
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 150\r\n\r\n" + b"x" * 150
    for byte in request:
        await client.send(bytes([byte]))
        await trio.testing.wait_all_tasks_blocked()
    assert len((await client.answer()).json()["body"]) == 150
    assert len(reads) < 20


async def test_a_known_client_s_body_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["state"]["authenticate"]("g_1")
        await answer(send, await read_body(receive))

    monkeypatch.setattr("rhd.web.serving.connection._FIRST_PAUSE_S", 3600)
    async with serving(app) as served:
        client = await served.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        for byte in b"abc":
            await trio.testing.wait_all_tasks_blocked(0.01)
            await client.send(bytes([byte]))
        assert (await client.answer()).body == b"abc"


async def test_the_app_is_cancelled_when_its_client_leaves_amid_the_body(app: App, served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    await app.wait_until(lambda a: a.running == 1)
    client.close()
    await app.wait_until(lambda a: a.running == 0)
    assert app.cancelled == ["/"]


async def test_work_after_the_answer_is_not_cancelled_when_the_client_leaves(app: App, served: Served) -> None:
    client = await served.connect()
    assert (await client.request("/works-on")).body == b"accepted"
    client.close()
    await assert_serves(served)
    app.go.set()
    await app.wait_until(lambda a: "worked on" in a.seen)
    assert app.cancelled == []


# An app that answers without reading.


@pytest.mark.parametrize("size", [10, 100_000, 8_000_000], ids=["small", "middle", "large"])
async def test_an_answer_to_a_body_that_is_not_read_arrives(app: App, served: Served, size: int) -> None:
    """A queue for the body that is bounded for its end as well would have the app wait for itself."""
    client = await served.connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            client.send, b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
        )
        answer = await client.answer()
    assert (answer.status, answer.body) == (401, b"refused")
    client.close()
    await app.wait_until(lambda a: a.running == 0)


async def test_a_client_that_still_sends_is_not_reset(served: Served) -> None:
    """A reset may cost it the answer; so what it sends is taken, and thrown away, for a while."""
    client = await served.connect()
    await client.send(b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    assert (await client.answer()).is_last
    with trio.fail_after(10):
        await client.stream.send_all(bytes(500_000))
        await client.stream.send_all(bytes(500_000))
        assert await client.stream.receive_some() == b""


async def test_a_body_that_nobody_reads_holds_nothing_when_its_app_fails(app: App, served: Served) -> None:
    client = await served.connect()
    head = b"POST /raise-told HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send, head + bytes(8_000_000))
        await app.wait_until(lambda a: a.running == 1)
        await trio.testing.wait_all_tasks_blocked(0.01)  # until the server takes no more
        app.go.set()
        assert b"half" in await client.receive_all()


async def test_an_answer_before_the_end_of_the_body_is_the_last(served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    assert (await client.answer()).is_last
    await client.wait_closed()


# An app that fails.


@pytest.mark.parametrize("path", ["/raise", "/mute", "/exit", "/stray", "/splitting"])
async def test_an_app_that_fails_before_its_answer_is_answered_for(
    served: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await served.connect()
    for _ in range(2):  # the connection is still good
        answer = await client.request(path)
        assert (answer.status, answer.json()) == (500, {"error": "internal"})
    assert "canary" not in caplog.text


@pytest.mark.parametrize("path", ["/raise-late", "/raise-corked", "/short"])
async def test_an_app_that_fails_within_its_answer_breaks_off_its_connection(
    served: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await served.connect()
    with pytest.raises((h11.RemoteProtocolError, Ended)):
        await client.request(path)
    await assert_serves(served)
    assert "canary" not in caplog.text


async def test_an_app_that_fails_after_its_answer_harms_nobody(served: Served) -> None:
    client = await served.connect()
    for _ in range(2):
        assert (await client.request("/raise-after")).body == b"whole"


async def test_a_failure_is_logged_once_with_its_place_and_without_its_message(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    client = await served.connect()
    await client.request("/raise")
    client.close()
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.getMessage().startswith("app failed: ValueError at ")
    assert "tests.support.serving_app:" in record.getMessage()
    assert "canary" not in caplog.text


# Bounds.


@pytest.fixture
async def quick(app: App) -> AsyncIterator[Served]:
    async with serving(app, QUICK) as served:
        yield served


async def test_a_connection_that_says_nothing_is_closed(quick: Served) -> None:
    client = await quick.connect()
    await client.wait_closed()


async def test_a_connection_that_is_idle_is_closed(quick: Served) -> None:
    client = await quick.connect()
    await client.request("/")
    await client.wait_closed()


async def test_slow_headers_are_answered_408(quick: Served) -> None:
    client = await quick.connect()
    await client.send(b"GET / HTTP/1.1\r\n")
    answer = await client.answer()
    assert (answer.status, answer.json(), answer.is_last) == (408, {"error": "request_timeout"}, True)
    await client.wait_closed()


async def test_headers_that_drip_get_no_more_time(quick: Served) -> None:
    client = await quick.connect()
    await client.send(b"GET / HTTP/1.1\r\n")

    async def drip() -> None:
        while True:
            await client.send(b"X-A: b\r\n")
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        assert (await client.answer()).status == 408
        nursery.cancel_scope.cancel()


async def test_slow_headers_of_a_later_request_are_answered_408(quick: Served) -> None:
    client = await quick.connect()
    await client.request("/")
    await client.send(b"GET / HT")
    assert (await client.answer()).status == 408


@pytest.mark.parametrize(
    "body", [b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_a_stalled_body_is_answered_408_and_its_app_cancelled(app: App, quick: Served, body: bytes) -> None:
    client = await quick.connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: x\r\n" + body)
    assert (await client.answer()).status == 408
    await client.wait_closed()
    assert app.cancelled == ["/"]


async def test_a_stream_to_a_client_that_listens_outlives_every_bound(app: App, quick: Served) -> None:
    client = await quick.connect()
    await client.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    idle = await quick.connect()
    for _ in range(3):  # time passes as the server measures it
        await idle.wait_closed()
        idle = await quick.connect()
    app.go.set()
    assert (await client.answer()).body == b"open done"
    client.close()


async def test_a_client_that_does_not_read_is_dropped(app: App) -> None:
    async with serving(app, replace(QUICK, write_s=0.2)) as served:
        client = await served.connect(receive_buffer=4096)
        await client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.wait_until(lambda a: a.running == 1)
        await app.wait_until(lambda a: a.running == 0)
        assert app.cancelled == ["/flood"]
        client.close()


async def test_a_client_that_does_not_read_does_not_hold_up_the_others(app: App) -> None:
    async with serving(app) as served:
        client = await served.connect(receive_buffer=4096)
        await client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.wait_until(lambda a: a.running == 1)
        await assert_serves(served)
        client.close()
        await app.wait_until(lambda a: a.running == 0)


async def test_a_client_that_never_closes_its_side_is_given_up(quick: Served) -> None:
    client = await quick.connect()
    await client.request("/", connection="close")
    await client.wait_closed()
    with trio.fail_after(10):  # our FIN is not answered; in the end the server resets
        while True:
            try:
                await client.stream.send_all(b"x")
            except trio.BrokenResourceError:
                break
            await trio.sleep(0.01)


# What is refused.

NAMES = {
    400: "bad_request",
    431: "headers_too_large",
    501: "not_implemented",
    505: "http_version_not_supported",
}
REFUSED = {
    "garbage": (b"\xff\xfe\x00garbage\r\n\r\n", 400),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http/2 preface and frames": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)), 505),
    "tls hello": (bytes.fromhex("16030100c8010000c40303") + bytes(189), 400),
    "http 1.2": (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
    "http 3.0": (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    "no version": (b"GET /\r\nHost: x\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "connect": (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "path that is not ascii": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "asterisk of another method": (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "target of another scheme": (b"GET ftp://a/b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "target with a user": (b"GET http://u@a/b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "target without a slash": (b"GET index HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "head of a bad target": (b"HEAD index HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "header without a colon": (b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
    "nul in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
    "length and chunked": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked and length": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked in http 1.0": (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
    "length with a sign": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400),
    "chunked twice": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501),
    "chunked disguised": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "gzip and chunked": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "header bomb": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 101 + b"\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000, 431),
    "endless line": (b"GET /" + b"a" * 200_000, 431),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_not_http_is_refused_as_json_and_never_reaches_the_app(
    app: App, served: Served, payload: bytes, status: int
) -> None:
    client = await served.connect()
    await client.send(payload)
    method = b"HEAD" if payload.startswith(b"HEAD") else b"GET"
    answer = await client.answer(method)
    assert (answer.status, answer.is_last) == (status, True)
    if method != b"HEAD":
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"error": NAMES[status]}
    await client.wait_closed()
    assert app.seen == []
    await assert_serves(served)


BAD_CHUNKS = {
    "not a number": b"ZZ\r\n",
    "number too large": b"f" * 21 + b"\r\n",
    "no end": b"5\r\nhelloXX",
    "negative": b"-1\r\n",
    "line without end": b"5;" + b"a" * 100_000,
}


@pytest.mark.parametrize("chunk", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("packets", [1, 2])
async def test_a_bad_chunk_is_refused_and_its_app_cancelled(
    app: App, served: Served, chunk: bytes, packets: int
) -> None:
    """In one packet with the head it once met the app's own answer halfway, and ended the server."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(5):
        client = await served.connect()
        if packets == 1:
            await client.send(head + chunk)
        else:
            await client.send(head)
            await client.send(chunk)
        assert (await client.answer()).status in (400, 431)
        await client.wait_closed()
    await app.wait_until(lambda a: a.running == 0)
    await assert_serves(served)


async def test_a_huge_chunk_is_taken_piece_by_piece(app: App, served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST /deaf HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 16 + b"\r\nabc")
    assert (await client.answer()).status == 401
    await client.wait_closed()


async def test_a_bad_chunk_in_an_answered_request_breaks_the_connection_off(app: App, served: Served) -> None:
    client = await served.connect()
    await client.send(b"POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert b"open" in await _until(client, b"open")
    await client.send(b"ZZ\r\n")
    assert b"400" not in await client.receive_all()
    await app.wait_until(lambda a: a.cancelled == ["/stream"])
    await assert_serves(served)


async def _until(client: Client, text: bytes) -> bytes:
    got = b""
    while text not in got:
        data = await client.receive()
        assert data
        got += data
    return got


async def test_what_follows_a_refused_request_is_not_read(app: App, served: Served) -> None:
    """A request smuggled behind a disputed length is never served."""
    client = await served.connect()
    await client.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert (await client.receive_all()).count(b"HTTP/1.1 ") == 1
    assert app.seen == []


async def test_garbage_behind_a_request_leaves_its_answer_alone(served: Served) -> None:
    client = await served.connect()
    await client.send(b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01\x02\r\n\r\n")
    assert (await client.answer()).json()["path"] == "/good"
    assert (await client.answer()).status == 400
    await client.wait_closed()
    client.close()


# As clients and proxies are.


@pytest.mark.parametrize(
    ("before", "between"),
    [(b"\r\n", b""), (b"", b"\r\n"), (b"\r\n\r\n", b"\r\n\r\n")],
    ids=["before", "between", "two"],
)
@pytest.mark.parametrize("is_split", [False, True])
async def test_an_empty_line_before_a_request_is_passed_over(
    served: Served, before: bytes, between: bytes, is_split: bool
) -> None:
    client = await served.connect()
    first = b"POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    parts = [before + first + between, b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n"]
    if is_split:
        parts = [bytes([byte]) for byte in b"".join(parts)]
    for part in parts:
        await client.send(part)
    assert (await client.answer()).json()["path"] == "/one"
    assert (await client.answer()).json()["path"] == "/two"


async def test_empty_lines_without_end_are_no_request(quick: Served) -> None:
    client = await quick.connect()
    await client.send(b"\r\n" * 100)
    assert (await client.answer()).status == 400
