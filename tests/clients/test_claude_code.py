"""The real Claude Code, which connects to say how its servers are: over stdio, with a token, and by its own login."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clients.client_home import Seat

DOCUMENT = "https://claude.ai/oauth/claude-code-client-metadata"


@pytest.fixture
def claude(seat: Seat, kept_to_loopback: None) -> list[str | Path]:
    """The words that start Claude Code."""
    seat.variables["CLAUDE_CONFIG_DIR"] = str(seat.home / "claude")
    return [seat.programs.node, seat.programs.package("@anthropic-ai/claude-code") / "cli-wrapper.cjs"]


def health(seat: Seat, claude: list[str | Path]) -> dict[str, str]:
    """Return how Claude Code finds each server, by name."""
    listed = seat.run(*claude, "mcp", "list").stdout
    return dict(re.findall(r"^(\w+): .* - \S (.+)$", listed, re.M))


async def test_claude_code_connects_over_stdio_and_with_a_token(seat: Seat, claude: list[str | Path]) -> None:
    bridge = ("rhctl", "connect", "--home", seat.daemon.home)  # the repository is the one that it is started in
    token = f"Authorization: Bearer {await seat.token(seat.hub_url)}"
    for words in (("stdio", "--", *bridge), ("-t", "http", "token", seat.hub_url, "-H", token)):
        done = seat.run(*claude, "mcp", "add", "-s", "user", *words)
        assert done.returncode == 0, done.stderr
    assert health(seat, claude) == {"stdio": "Connected", "token": "Connected"}


@pytest.mark.parametrize("place", ["hub", "repository"])
async def test_claude_code_logs_in_by_oauth(seat: Seat, claude: list[str | Path], place: str) -> None:
    url = seat.hub_url if place == "hub" else seat.url
    assert seat.run(*claude, "mcp", "add", "-s", "user", "-t", "http", "oauth", url).returncode == 0
    assert health(seat, claude) == {"oauth": "Needs authentication"}
    async with seat.running(*claude, "mcp", "login", "oauth", "--no-browser", is_terminal=True) as login:
        asked = parse_qs(urlsplit(await seat.answer_login(login)).query)
        assert await login.until_end() == 0, login.said
    assert (asked["client_id"], asked["resource"]) == ([DOCUMENT], [url])
    assert health(seat, claude) == {"oauth": "Connected"}
    (connected,) = seat.daemon.rhctl("clients")["clients"]
    assert (connected["name"], connected["repos"]) == ("Claude Code", {seat.slug: ["planner"]})
