"""All connections together: accepting, making room, draining, handing over."""

from __future__ import annotations

import gc
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from rhd.asgi import Receive, Scope, Send
from rhd.web.serving import ServerLimits, serve
from tests.support.serving_app import App, answer
from tests.support.serving_client import PATIENCE_S, QUICK, Client, Ended, listen, port_of, serving
from tests.support.serving_load import Load
from tests.support.waiting import until

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def app() -> App:
    return App()


def count_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


# Hostile clients leave nothing behind.

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
HOSTILE = {
    "nothing": [b""],
    "half a request": [b"GET /js"],
    "garbage": [bytes(range(128, 256))],
    "http/2 preface": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    "http/2 preface and garbage": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256))],
    "h2c": [(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")],
    "h2c without settings": [b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
    "h2c with bad settings": [(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                              b"Upgrade: h2c\r\nHTTP2-Settings: !!!!\r\n\r\n")],
    "websocket": [(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")],
    "websocket and garbage": [(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
                              b"\xff\xfe\xfd" * 30],
    "websocket without a version": [b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"],
    "no host": [b"GET / HTTP/1.1\r\n\r\n"],
    "path that is not ascii": [b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"],
    "huge header": [b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"],
    "negative length": [HEAD + b"Content-Length: -5\r\n\r\n"],
    "length and chunked": [HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "half a body": [HEAD + b"Content-Length: 100\r\n\r\nhalf"],
    "bad chunk": [HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"],
    "bad chunk in two packets": [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ZZ\r\n"],
    "body that is not read": [b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes(500_000)],
    "pipelined": [GET % b"a" * 20],
    "pipelined behind a wait": [GET % b"wait" * 20],
    "stream": [GET % b"stream"],
    "flood": [GET % b"flood"],
    "asterisk": [b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"],
    "absolute": [b"GET http://evil/json HTTP/1.1\r\nHost: x\r\n\r\n"],
    "connect": [b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n"],
    "expect": [HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"],
    "app that fails": [GET % b"raise"],
    "app that breaks off": [GET % b"raise-late"],
    "app that exits": [GET % b"exit"],
    "app that lets a cancellation escape": [GET % b"stray"],
}  # fmt: skip


async def hang_up(client: Client, how: str) -> None:
    """Leave, in one of the ways that clients leave."""
    if how == "later":
        with trio.move_on_after(0.02):
            await client.receive()
    if how == "half":
        with suppress(trio.BrokenResourceError):
            await client.stream.send_eof()
    if how == "reset":
        client.reset()
    else:
        client.close()


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_client_leaves_nothing_behind(app: App, payload: list[bytes]) -> None:
    async with serving(app, replace(QUICK, header_s=0.05, body_s=0.05)) as served:
        before = await settle()
        for how in ("reset", "close", "half", "later"):
            for spread in (False, True):
                client = await served.connect()
                for part in payload:
                    await client.send(part)
                    if spread:
                        await trio.sleep(0.002)
                await hang_up(client, how)
        client = await served.connect()
        assert (await client.request("/still-there")).status == 200
        client.close()
        with trio.fail_after(PATIENCE_S):
            while await settle() > before:
                await trio.sleep(0.01)
        assert app.running == 0


async def settle() -> tuple[int, int]:
    """The tasks and descriptors that exist once everything that can go on has."""
    await trio.testing.wait_all_tasks_blocked(0.001)
    return trio.lowlevel.current_statistics().tasks_living, count_descriptors()


# Many clients.


@contextmanager
def descriptors(soft: int) -> Iterator[None]:
    """Change how many descriptors the process may have."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, old[1]), old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


def take_all_descriptors() -> list[int]:
    """Open files until no more can be opened; return them."""
    taken: list[int] = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return taken


async def test_a_thousand_idle_connections_are_held(app: App) -> None:
    with descriptors(4096):
        async with serving(app) as served:
            clients = [await served.connect() for _ in range(1000)]
            for client in clients[::100]:
                assert (await client.request("/")).status == 200


async def test_beyond_the_limit_the_connection_that_is_idle_for_longest_makes_room(app: App) -> None:
    async with serving(app, ServerLimits(connections=3)) as served:
        first, second, third = [await served.connect() for _ in range(3)]
        for client in (second, third, first):
            await client.request("/")
        fourth = await served.connect()
        assert (await fourth.request("/")).status == 200
        await second.wait_closed()
        for client in (third, first):
            assert (await client.request("/")).status == 200


async def test_a_known_connection_in_a_request_is_never_closed_to_make_room(app: App) -> None:
    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["state"]["authenticate"]("g_1")
        await app(scope, receive, send)

    async with serving(known, ServerLimits(connections=2, unauthenticated=2)) as served:
        busy = [await served.connect() for _ in range(2)]
        for client in busy:
            await client.send(GET % b"wait")
        await app.wait_until(lambda a: a.running == 2)
        late = await served.connect()
        await late.send(GET % b"late")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert app.seen == ["/wait", "/wait"]
        app.go.set()
        assert (await late.answer()).status == 200
        for client in busy:
            with suppress(Ended):  # it is idle now, and may have made room
                assert (await client.answer()).body == b"went"


@pytest.mark.parametrize(
    "part", [b"", b"G", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", GET % b"wait"]
)
async def test_strangers_never_keep_a_known_client_out(app: App, part: bytes) -> None:
    """Whatever they leave unfinished, and although they are more than there are places."""

    async def judged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/known":
            assert scope["state"]["authenticate"]("g_1")
        await app(scope, receive, send)

    async with serving(judged, ServerLimits(connections=30, unauthenticated=20, unfinished=10)) as served:
        kept = await served.connect()
        assert (await kept.request("/known")).status == 200
        for _ in range(60):
            await (await served.connect()).send(part)
        await trio.testing.wait_all_tasks_blocked(0.01)
        fresh = await served.connect()
        assert (await fresh.request("/known")).status == 200
        assert (await kept.request("/known")).status == 200
        assert len(served.server.connections) <= 30


async def test_a_grant_s_own_idle_connection_makes_room_for_its_next(app: App) -> None:
    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        is_known = scope["state"]["authenticate"](scope["path"][:2])
        await answer(send, str(is_known).encode()) if scope["path"] != "/a/wait" else await app(
            {**scope, "path": "/wait"}, receive, send
        )

    async with serving(known, ServerLimits(of_owner=2)) as served:
        first, second, third = [await served.connect() for _ in range(3)]
        for client in (first, second, third):
            assert (await client.request("/a")).body == b"True"
        await first.wait_closed()
        for client in (second, third):
            await client.send(GET % b"a/wait")
        await app.wait_until(lambda a: a.running == 2)
        fourth = await served.connect()
        assert (await fourth.request("/a")).body == b"False"
        assert (await fourth.request("/b")).body == b"True"


async def test_no_more_than_half_of_the_descriptors_are_taken(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half is for repositories, the store, agents and the control socket."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (7, 7))
    async with serving(app, ServerLimits(connections=1000)) as served:
        first, second, third, fourth = [await served.connect() for _ in range(4)]
        await first.wait_closed()
        for client in (second, third, fourth):
            assert (await client.request("/")).status == 200


async def test_without_descriptors_accepting_waits_and_recovers(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Without spinning, and by closing who is idle."""
    with descriptors(256):
        async with serving(app, ServerLimits()) as served:
            idle = await served.connect()
            await idle.request("/")
            late = trio.socket.socket()
            taken = take_all_descriptors()
            try:
                await late.connect(("127.0.0.1", served.port))
                client = Client(trio.SocketStream(late))
                served.clients.append(client)
                assert (await client.request("/late")).status == 200
                await idle.wait_closed()
            finally:
                for fd in taken:
                    os.close(fd)
    complaints = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert [r.getMessage() for r in complaints] == ["cannot accept connections: EMFILE"]


# Draining.


async def test_what_is_begun_is_finished_and_announced_as_the_last(app: App) -> None:
    async with serving(app) as served:
        client = await served.connect()
        await client.send(GET % b"wait")
        await app.wait_until(lambda a: a.running == 1)
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        app.go.set()
        answer = await client.answer()
        assert (answer.body, answer.is_last) == (b"went", True)
        await client.wait_closed()


async def test_a_stream_that_ends_in_time_is_whole_and_its_client_may_ask_once_more(app: App) -> None:
    async with serving(app) as served:
        client = await served.connect()
        await client.send(GET % b"stream")
        await app.wait_until(lambda a: a.running == 1)
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        app.go.set()
        answer = await client.answer()
        assert (answer.body, answer.is_last) == (b"open done", False)  # its head went out before
        assert (await client.request("/once-more")).is_last
        await client.wait_closed()


async def test_each_open_connection_may_make_one_more_request(app: App) -> None:
    async with serving(app, is_held=True) as served:
        clients = [await served.connect() for _ in range(5)]
        for client in clients[:3]:
            await client.request("/")
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        for client in clients:
            assert (await client.request("/more")).is_last
            await client.wait_closed()
            client.close()
        await served.wait_over()


async def test_an_idle_connection_is_closed_and_nothing_else_waited_for(app: App) -> None:
    async with serving(app, ServerLimits(drain_idle_s=0.1, drain_s=60)) as served:
        client = await served.connect()
        await client.request("/")
        served.stop.set()
        await client.wait_closed()
        client.close()
        await served.wait_over()


async def test_without_a_held_socket_an_idle_connection_is_closed_at_once_and_the_port_last(app: App) -> None:
    async with serving(app, ServerLimits(drain_idle_s=60, drain_s=60)) as served:
        idle, busy = await served.connect(), await served.connect()
        await idle.request("/")
        await busy.send(GET % b"wait")
        await app.wait_until(lambda a: a.running == 1)
        served.stop.set()
        await idle.wait_closed()
        late = await served.connect()
        assert (await late.request("/late")).is_last, "the port stays open while something is being answered"
        app.go.set()
        assert (await busy.answer()).is_last
        for client in (idle, busy, late):
            client.close()
        await served.wait_over()
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


class AtTheLastMoment(trio.abc.Instrument):
    """Does something between the moment when trio looks for input and the one when it looks at the clock."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def after_io_wait(self, timeout: float) -> None:
        trio.lowlevel.remove_instrument(self)
        self._act()


async def test_a_request_that_came_at_the_last_moment_is_answered(app: App) -> None:
    """The idle time ends with the request already in the kernel's buffer."""
    async with serving(app, ServerLimits(drain_idle_s=0.1, drain_s=60), is_held=True) as served:
        client = await served.connect()
        await client.request("/")
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        raw = client.stream.socket.fileno()
        trio.lowlevel.add_instrument(AtTheLastMoment(lambda: os.write(raw, GET % b"late")))
        answer = await client.answer()
        assert answer.json()["path"] == "/late"
        assert answer.is_last


@pytest.mark.parametrize("path", [b"flood", b"silent", b"wait"])
async def test_draining_ends_in_time_whatever_a_client_or_an_app_does(app: App, path: bytes) -> None:
    async with serving(app, replace(ServerLimits(), drain_s=0.1)) as served:
        client = await served.connect(receive_buffer=4096)
        await client.send(GET % path)
        await app.wait_until(lambda a: a.running == 1)
        served.stop.set()
        with trio.fail_after(5):  # far below the 20 s that a write may take
            await served.is_over.wait()
        assert app.cancelled == ["/" + path.decode()]


async def test_a_client_that_does_not_read_is_dropped_without_the_kernel_s_help(app: App, tmp_path: Path) -> None:
    """A Unix socket has no TCP_USER_TIMEOUT."""
    with socket.socket(socket.AF_UNIX) as sock, socket.socket(socket.AF_UNIX) as client:
        sock.bind(str(tmp_path / "http.sock"))
        sock.listen()
        sock.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            await nursery.start(partial(serve, app, [listener], limits=QUICK, stop=stop))
            client.connect(str(tmp_path / "http.sock"))
            client.send(GET % b"flood")
            await app.wait_until(lambda a: a.running == 1)
            await app.wait_until(lambda a: a.running == 0)
            stop.set()
    assert app.cancelled == ["/flood"]


async def test_cancelling_the_server_does_not_wait_for_a_client_that_does_not_read(app: App) -> None:
    listener = listen()
    client = await Client.open(port_of(listener), receive_buffer=4096)
    with listener.socket, client.stream.socket, trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve, app, [listener], stop=trio.Event()))
            await client.send(GET % b"flood")
            await app.wait_until(lambda a: a.running == 1)
            nursery.cancel_scope.cancel()


async def test_whoever_waits_is_served_before_the_listener_is_closed(app: App) -> None:
    async with serving(app) as served:
        clients = []
        for _ in range(5):  # connected in the kernel before the server can run
            sock = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S)
            sock.setblocking(False)
            clients.append(Client(trio.SocketStream(trio.socket.from_stdlib_socket(sock))))
        served.clients += clients
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        for client in clients:
            assert (await client.request("/")).is_last
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


async def test_whoever_waits_at_a_held_listener_is_left_for_the_next(app: App) -> None:
    listener = listen()
    with listener.socket:
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            await nursery.start(partial(serve, app, [listener], stop=stop, is_held=True))
            first = await Client.open(port_of(listener))
            await first.request("/first")
            stop.set()
            first.close()
        late = await Client.open(port_of(listener))
        await late.send(GET % b"late")
        assert app.seen == ["/first"]
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            await nursery.start(partial(serve, app, [listener], stop=stop, is_held=True))
            assert (await late.answer()).json()["path"] == "/late"
            stop.set()
            late.close()


@pytest.mark.slow
async def test_restarts_are_not_seen_by_clients_that_follow_http(app: App) -> None:
    """Twelve clients call all the time, while one server after another serves the same listening socket."""
    listener = listen()
    load = Load(port_of(listener))
    limits = ServerLimits(drain_idle_s=0.3, drain_s=2.5, linger_s=0.2)
    async with listener, trio.open_nursery() as clients:
        for _ in range(12):
            clients.start_soon(load.call_for_ever, 0.02)
        for _ in range(6):
            goal = load.answers + 100
            async with trio.open_nursery() as nursery:
                stop = trio.Event()
                await nursery.start(partial(serve, app, [listener], limits=limits, stop=stop, is_held=True))
                await until(lambda goal=goal: load.answers >= goal)
                stop.set()
        clients.cancel_scope.cancel()
    assert load.failures == []
    assert load.endings >= 5 * 12


@pytest.mark.parametrize(
    "part", [b"", b"GET / HT", HEAD + b"Content-Length: 9\r\n\r\nhalf", GET % b"whole", GET % b"stream"]
)
async def test_a_connection_leaves_nothing_for_the_garbage_collector(app: App, part: bytes) -> None:
    """A full collection holds up the loop, and a flood of connections would cause one each second."""
    app.go.set()
    async with serving(app) as served:
        for is_counted in (False, True):
            gc.collect()
            gc.disable()
            try:
                for _ in range(10):
                    client = await served.connect()
                    await client.send(part)
                    await trio.testing.wait_all_tasks_blocked(0.001)
                    client.close()
                served.clients.clear()
                await until(lambda: not served.server.connections)
                await trio.testing.wait_all_tasks_blocked()
                found = gc.collect()
            finally:
                gc.enable()
            assert not is_counted or found < 10
