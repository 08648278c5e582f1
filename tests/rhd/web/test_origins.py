"""The addresses under which the daemon is known."""

from __future__ import annotations

import pytest

from rhd.web.origins import Origins, listener_origins
from tests.support.oauth_service import LOCAL, PORT, PUBLIC

ORIGINS = Origins(
    PUBLIC,
    PORT,
    ("https://inspector.example",),
    further=("http://forward.example:9000", "https://box.example"),
)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("rh.example.com", PUBLIC),
        ("RH.Example.COM", PUBLIC),
        ("rh.example.com:443", PUBLIC),
        ("127.0.0.1:8765", LOCAL),
        ("localhost:8765", "http://localhost:8765"),
        ("[::1]:8765", "http://[::1]:8765"),
        ("forward.example:9000", "http://forward.example:9000"),
        ("box.example", "https://box.example"),
    ],
)
def test_a_host_names_its_origin(host: str, origin: str) -> None:
    assert ORIGINS.of(host) == origin


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "rh.example.com.",
        "rh.example.com:80",
        "rh.example.com:8765",
        "rh.example.com:443:443",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8766",
        "localhost",
        "localhost.:8765",
        "[::1]",
        "[::1]:80",
        "[::]:8765",
        "forward.example",
        "forward.example:80",
        "127.1:8765",
        "0.0.0.0:8765",
        "user@127.0.0.1:8765",
        "127.0.0.1:8765@evil.example",
        " 127.0.0.1:8765",
        "127.0.0.1:8765 ",
        "127.0.0.1:8765,evil.example",
        "http://127.0.0.1:8765",
    ],
)
def test_any_other_host_names_none(host: str) -> None:
    assert ORIGINS.of(host) is None


def test_the_default_port_may_be_written_or_left_out() -> None:
    origins = Origins("https://h.example:8443", 80)
    assert origins.of("h.example:8443") == "https://h.example:8443"
    assert origins.of("h.example") is origins.of("h.example:443") is None
    assert origins.of("127.0.0.1") == origins.of("127.0.0.1:80") == "http://127.0.0.1:80"


def test_without_a_public_name_there_are_those_of_loopback() -> None:
    assert Origins(None, PORT).all == (LOCAL, "http://localhost:8765", "http://[::1]:8765")


def test_a_further_origin_does_not_replace_the_public_one() -> None:
    origins = Origins(PUBLIC, PORT, further=(PUBLIC, "http://rh.example.com"))
    assert origins.of("rh.example.com") == PUBLIC
    assert origins.of("rh.example.com:80") == "http://rh.example.com"


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("127.0.0.1", ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9")),
        ("localhost", ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9")),
        ("::1", ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9")),
        ("192.0.2.1", ("http://192.0.2.1:9",)),
        ("2001:db8::1", ("http://[2001:db8::1]:9",)),
    ],
)
def test_a_listener_is_reached_under_the_names_of_its_address(host: str, origins: tuple[str, ...]) -> None:
    assert listener_origins(host, 9) == origins


@pytest.mark.parametrize(
    "origin",
    [PUBLIC, LOCAL, "http://localhost:8765", "https://chatgpt.com", "https://claude.ai", "https://inspector.example"],
)
def test_pages_that_may_call(origin: str) -> None:
    assert ORIGINS.allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "http://chatgpt.com",
        "https://chatgpt.com/",
        "https://chatgpt.com.evil.example",
    ],
)
def test_pages_that_may_not(origin: str) -> None:
    assert not ORIGINS.allows(origin)


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        (f"{PUBLIC}/mcp", "hub"),
        (f"{PUBLIC}/mcp/", "hub"),
        (PUBLIC, "hub"),
        (f"{PUBLIC}/", "hub"),
        (f"{LOCAL}/r/one/mcp", "one"),
        ("HTTP://LocalHost:8765/r/a-b/mcp/", "a-b"),
        ("https://evil.example/mcp", None),
        ("https://127.0.0.1:8765/mcp", None),
        ("http://rh.example.com/mcp", None),
        (f"{LOCAL}/MCP", None),
        (f"{LOCAL}/r/One/mcp", None),
        (f"{LOCAL}/r//mcp", None),
        (f"{LOCAL}/r/a/b/mcp", None),
        (f"{LOCAL}/r/../mcp", None),
        (f"{LOCAL}/mcp?v=2", "hub"),
        (f"{LOCAL}/r/one/mcp?v=2", "one"),
        (f"{LOCAL}?v=2", "hub"),
        (f"{LOCAL}/mcp#x", None),
        (f"{LOCAL}/mcp//", None),
        ("user@127.0.0.1:8765/mcp", None),
        ("http://user@127.0.0.1:8765/mcp", None),
        ("/mcp", None),
        ("", None),
    ],
)
def test_a_resource_is_read_under_any_of_our_origins_and_not_looked_up(url: str, resource: str | None) -> None:
    assert ORIGINS.resource_of(url) == resource
