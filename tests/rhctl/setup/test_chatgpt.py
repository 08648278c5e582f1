"""What a person enters in ChatGPT."""

from __future__ import annotations

from rhctl.setup.chatgpt import steps

FACTS = {"slug": "project", "hub_url": "http://127.0.0.1:9000/mcp", "endpoint": None}


def test_without_an_endpoint_the_tunnel_comes_first_and_leads_to_the_port_that_serves() -> None:
    told = "\n".join(steps(FACTS))
    assert "cloudflared tunnel run --url http://127.0.0.1:9000 repo-harness-mcp" in told
    assert "rhctl setup chatgpt --endpoint https://" in told
    assert "/mcp/mcp" not in told
    assert "create a connector" not in told  # one made now would have an address that nobody reaches


def test_with_one_the_connector_is_described_as_chatgpt_asks_for_it() -> None:
    told = steps({**FACTS, "endpoint": "https://rh.example.com/mcp"})
    text = "\n".join(told)
    for fact in ("Developer Mode", "https://rh.example.com/mcp", "OAuth", "rhctl passphrase show project"):
        assert fact in text
    assert "write confirmations" in told[-1]
