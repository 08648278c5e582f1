"""Fetching from a stranger's address, for real: TLS over loopback, with names and addresses that are pretended."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from rhd.oauth import fetching
from rhd.oauth.fetching import MAX_BODY_BYTES, FetchFailed, Network, fetch, split_url
from tests.support.tls import Authority, Handler, http_answer, tls_server

URL = "https://app.example/oauth/client.json"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"), "app.example")


async def test_a_document_is_fetched_from_the_address_that_was_looked_at(authority: Authority) -> None:
    async with tls_server(authority, http_answer(b'{"a":1}', "Cache-Control: public, max-age=900")) as server:
        server.resolved["app.example"] = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
        fetched = await fetch(URL, server.network())
        assert (fetched.body, fetched.max_age_s) == (b'{"a":1}', 900)
        assert server.connections == ["93.184.216.34"]
        (request,) = server.requests
        assert request.startswith(b"GET /oauth/client.json HTTP/1.1\r\nHost: app.example\r\n")
        assert b"authorization" not in request.lower()
        assert b"cookie" not in request.lower()


async def test_a_chunked_document_is_read(authority: Authority) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with tls_server(authority, head + b"3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n") as server:
        server.resolved["app.example"] = ["93.184.216.34"]
        assert (await fetch(URL, server.network())).body == b"[1,2]"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["93.184.216.34", "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["100.64.0.1"],
        ["fd00::1"],
        [],
    ],
    ids=str,
)
async def test_nobody_is_connected_to_if_any_address_of_the_name_is_private(
    authority: Authority, addresses: list[str]
) -> None:
    async with tls_server(authority, http_answer(b"{}")) as server:
        server.resolved["app.example"] = addresses
        with pytest.raises(FetchFailed, match="not a public one"):
            await fetch(URL, server.network())
        assert server.connections == []


async def test_a_name_that_changes_its_address_meanwhile_is_not_asked_again(authority: Authority) -> None:
    async with tls_server(authority, http_answer(b"{}")) as server:
        answers = [["93.184.216.34"], ["127.0.0.1"]]

        async def resolve(host: str) -> list[str]:
            return answers.pop(0)

        network = server.network()
        await fetch(URL, Network(resolve=resolve, connect=network.connect, context=network.context))
        assert server.connections == ["93.184.216.34"]
        assert len(answers) == 1


async def _drip(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\n")
    while True:
        await stream.send_all(b"X: y\r\n")
        await trio.sleep(0.05)


async def _silence(stream: trio.abc.Stream) -> None:
    await trio.sleep_forever()


async def _endless(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        await stream.send_all(b"[" * 1024)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http_answer(b"", "Location: https://127.0.0.1/", status="302 Found"), "302"),
        (http_answer(b"{}", status="404 Not Found"), "404"),
        (http_answer(b"<html>", media="text/html"), "not JSON"),
        (http_answer(b" " * (MAX_BODY_BYTES + 1)), "too large"),
        (_endless, "too large|too long"),
        (_drip, "Error|too long"),
        (_silence, "too long"),
        (b"garbage\r\n\r\n", "Error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "Error"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n{}", "Error"),
        (b"", "closed|Error"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}", "Error"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "Error|closed"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or repr(value)[:40],
)
async def test_whatever_else_answers_is_no_document(
    authority: Authority, answer: bytes | Handler, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.5)
    async with tls_server(authority, answer) as server:
        server.resolved["app.example"] = ["93.184.216.34"]
        with trio.fail_after(10), pytest.raises(FetchFailed, match=why):
            await fetch(URL, server.network())


async def test_a_certificate_of_another_name_or_authority_is_refused(tmp_path: Path, authority: Authority) -> None:
    async with tls_server(authority, http_answer(b"{}")) as server:
        server.resolved["other.example"] = ["93.184.216.34"]
        with pytest.raises(FetchFailed):
            await fetch("https://other.example/x", server.network())
        server.resolved["app.example"] = ["93.184.216.34"]
        network = server.network()
        strict = Network(resolve=network.resolve, connect=network.connect, context=ssl.create_default_context)
        with pytest.raises(FetchFailed):
            await fetch(URL, strict)


async def test_a_resolver_that_hangs_costs_three_seconds(autojump_clock: trio.testing.MockClock) -> None:
    async def resolve(host: str) -> list[str]:
        await trio.sleep_forever()
        raise AssertionError

    start = trio.current_time()
    with pytest.raises(FetchFailed, match="too long"):
        await fetch(URL, Network(resolve=resolve))
    assert trio.current_time() - start == pytest.approx(fetching.TIMEOUT_S)


async def test_the_real_resolver_answers_literal_addresses() -> None:
    assert "127.0.0.1" in await fetching.resolve("127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/x",
        "HTTPS://app.example/x",
        "https://app.example",
        "https://app.example/",
        "https://app.example:443/x",
        "https://app.example:8443/x",
        "https://user@app.example/x",
        "https://app.example/x#y",
        "https://app.example/a/../x",
        "https://app.example/./x",
        "https://app.example/x y",
        "https://app.example\\@evil.example/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://app.example./x",
        "https://-a.example/x",
        "https://App.example/x",
        "https://\u0430pp.example/x",
        "https:///x",
        "https://app.example/" + "x" * 600,
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_no_client_may_have_is_not_even_resolved(url: str) -> None:
    assert split_url(url) is None


@pytest.mark.parametrize("url", [URL, "https://a.b.example/x?y=1", "https://xn--pp-7kc.example/x"])
def test_an_address_that_a_client_may_have(url: str) -> None:
    found = split_url(url)
    assert found is not None
    assert f"https://{found[0]}{found[1]}" == url


def test_the_default_way_out_is_guarded() -> None:
    network = Network()
    guard: Callable[[str], bool] = network.is_public
    assert not guard("127.0.0.1")
    assert network.context().verify_mode is ssl.CERT_REQUIRED
    assert network.context().check_hostname
