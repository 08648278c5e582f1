"""What a public endpoint is."""

from __future__ import annotations

import pytest

from rhd.control.public_url import parse_endpoint
from rhd.errors import Refusal


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://rh.example.com/mcp", "https://rh.example.com"),
        ("https://RH.Example.com/mcp", "https://rh.example.com"),
        ("https://rh.example.com:8443/mcp", "https://rh.example.com:8443"),
        ("https://rh.example.com:443/mcp", "https://rh.example.com"),
        ("https://a-b.trycloudflare.com/mcp", "https://a-b.trycloudflare.com"),
        ("https://93.184.215.14/mcp", "https://93.184.215.14"),
        ("https://[2606:4700::1111]/mcp", "https://[2606:4700::1111]"),
    ],
)
def test_the_origin_of_a_public_endpoint(url: str, origin: str) -> None:
    assert parse_endpoint(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rh.example.com/mcp",
        "http://rh.example.com/mcp",
        "ftp://rh.example.com/mcp",
        "https://rh.example.com",
        "https://rh.example.com/",
        "https://rh.example.com/mcp/",
        "https://rh.example.com/MCP",
        "https://rh.example.com//mcp",
        "https://rh.example.com/r/project/mcp",
        "https://rh.example.com/%6dcp",
        "https://rh.example.com/mcp?x=1",
        "https://rh.example.com/mcp?",
        "https://rh.example.com/mcp#top",
        "https://rh.example.com/mcp#",
        "https://user@rh.example.com/mcp",
        "https://user:pw@rh.example.com/mcp",
        "https://@rh.example.com/mcp",
        " https://rh.example.com/mcp",
        "https://rh.example.com/mcp\n",
        "https://rh.exa mple.com/mcp",
        "https://rh.example.com:0x1f/mcp",
        "https://rh.example.com:70000/mcp",
        "https:///mcp",
        "https://./mcp",
        "https://rh.example.com./mcp",
        "https://rh..example.com/mcp",
        "https://-rh.example.com/mcp",
        "https://rh-.example.com/mcp",
        f"https://{'a' * 64}.example.com/mcp",
        "https://exämple.com/mcp",
        "https://[::1]/mcp",
        "https://[fe80::1%25eth0]/mcp",
        "https://[fc00::1]/mcp",
        "https://[::ffff:127.0.0.1]/mcp",
        "https://[half/mcp",
        "https://localhost/mcp",
        "https://daemon.localhost/mcp",
        "https://machine/mcp",
        "https://machine.local/mcp",
        "https://machine.lan/mcp",
        "https://machine.home.arpa/mcp",
        "https://127.0.0.1/mcp",
        "https://127.1/mcp",
        "https://2130706433/mcp",
        "https://0.0.0.0/mcp",
        "https://10.0.0.1/mcp",
        "https://192.168.1.1/mcp",
        "https://169.254.169.254/mcp",
        "https://100.64.0.1/mcp",
        "https://224.0.0.1/mcp",
        "https://rh.example/mcp",
        "https://rh.test/mcp",
        "https://rh.onion/mcp",
    ],
)
def test_what_no_connector_could_use_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_endpoint(url)
    assert refused.value.code == "INVALID_ENDPOINT"
    assert refused.value.message.startswith("that is no public endpoint: ")
    assert "\n" not in refused.value.message
