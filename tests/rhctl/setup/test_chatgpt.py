"""What a person enters in ChatGPT."""

from __future__ import annotations

import pytest

from rhctl.setup.chatgpt import steps

FACTS = {"slug": "project", "hub_url": "http://127.0.0.1:9000/mcp", "endpoint": None, "profiles": ["planner"]}


def test_without_an_endpoint_the_tunnel_comes_first_and_leads_to_the_port_that_serves() -> None:
    told = "\n".join(steps(FACTS))
    assert "cloudflared tunnel run --url http://127.0.0.1:9000 repo-harness-mcp" in told
    assert "rhctl setup chatgpt project --endpoint https://" in told
    assert "/mcp/mcp" not in told
    assert "create a connector" not in told  # one made now would have an address that cannot be reached


def test_with_one_the_connector_is_described_as_chatgpt_asks_for_it() -> None:
    told = steps({**FACTS, "endpoint": "https://rh.example.com/mcp"})
    text = "\n".join(told)
    for fact in ("Developer Mode", "https://rh.example.com/mcp", "OAuth", "rhctl passphrase show project"):
        assert fact in text
    assert "write confirmations" in told[-1]


@pytest.mark.parametrize("endpoint", [None, "https://rh.example.com/mcp"])
def test_every_command_can_be_typed_anywhere_and_names_a_home_that_is_not_the_default(endpoint: str | None) -> None:
    told = steps({**FACTS, "endpoint": endpoint, "profiles": []}, " --home /x")
    commands = [line for line in told if "rhctl" in line]
    assert len(commands) == 2
    assert all(" project" in command and command.endswith(" --home /x") for command in commands)


def test_where_nothing_is_started_that_comes_first() -> None:
    assert "rhctl start" not in "\n".join(steps(FACTS))
    told = steps({**FACTS, "profiles": []})
    assert (told[0].split(",")[0], told[1]) == ("No profile is started for project", "  rhctl start project")
