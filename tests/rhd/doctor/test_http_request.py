"""One request over real sockets, and every way in which there is no answer."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest
import trio

from rhd.doctor.http_request import Answer, RequestFailed, ask
from tests.support.tls import Authority, http_answer, tls_server


async def failure(url: str, within_s: float = 10) -> str:
    with pytest.raises(RequestFailed) as failed:
        await ask("GET", url, within_s=within_s)
    return str(failed.value)


async def test_a_certificate_that_no_one_vouches_for_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.make(tmp_path, "localhost")
    async with tls_server(authority, http_answer(b'{"a": 1}')) as server:
        url = f"https://localhost:{server.port}/x?y=1"
        assert "TLS failed" in await failure(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        answer = await ask("GET", url, within_s=10)
    assert (answer.status, answer.json()) == (200, {"a": 1})
    assert server.requests[-1].startswith(b"GET /x?y=1 HTTP/1.1\r\n")


async def test_a_port_where_nothing_listens_is_said_to_refuse() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refused" in await failure(f"http://127.0.0.1:{closed.getsockname()[1]}/")


@pytest.mark.parametrize(
    ("said", "expected"), [(b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"), (b"", "closed before"), (None, "within")]
)
async def test_what_does_not_answer_as_http_does_is_no_answer(said: bytes | None, expected: str) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            if said is None:
                await trio.sleep_forever()
            await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(partial(trio.serve_listeners, handle, listeners, handler_nursery=nursery))
        port = listeners[0].socket.getsockname()[1]
        assert expected in await failure(f"http://127.0.0.1:{port}/", 10 if said is not None else 0.05)
        nursery.cancel_scope.cancel()


def test_the_last_event_of_a_stream_is_the_answer_and_anything_else_is_empty() -> None:
    stream = Answer(200, (("content-type", "text/event-stream"),), b'data: {"a": 1}\n\ndata: {"a": 2}\n\n')
    assert stream.json() == {"a": 2}
    assert [Answer(200, (), body).json() for body in (b"<html>", b"[1]", b"\xff", b"")] == [{}, {}, {}, {}]
