"""`rhctl tunnel`: what is printed can be run as it stands."""

from __future__ import annotations

import pytest

from rhctl.commands import tunnel
from rhctl.tunnels import PROVIDERS
from tests.support.inprocess import Running
from tests.support.terminal import is_safe, type_in

KEYS = {"provider", "url", "public_url", "paths", "commands", "file", "config", "notes", "quick_url"}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_is_printed_for_the_daemon_of_this_home(daemon: Running, provider: str) -> None:
    answer = (await type_in("tunnel", provider, "--json")).json
    assert set(answer) == KEYS
    assert answer["url"] == daemon.url
    said = await type_in("tunnel", provider, "--host", "h.example.com")
    assert (said.code, is_safe(said.out)) == (0, True)
    if provider == "openai":
        assert f"--home {daemon.home.base}" in said.out
    else:
        assert f"  rhctl endpoint https://h.example.com/mcp --home {daemon.home.base}" in said.out.splitlines()


async def test_a_quick_tunnel_that_runs_is_named(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def find(*ports: object) -> str:
        asked.append(ports)
        return "https://a-b.trycloudflare.com"

    monkeypatch.setattr(tunnel, "find_quick_tunnel", find)
    said = await type_in("tunnel", "cloudflared", "--metrics", "4567")
    assert f"#   rhctl endpoint https://a-b.trycloudflare.com/mcp --home {daemon.home.base}" in said.out
    assert (await type_in("tunnel", "cloudflared", "--json")).json["quick_url"] == "https://a-b.trycloudflare.com"
    assert asked == [([4567],), ()]


async def test_another_provider_is_a_usage_error(daemon: Running) -> None:
    said = await type_in("tunnel", "carrier-pigeon", "--json")
    assert (said.code, said.refusal) == (2, "USAGE")
