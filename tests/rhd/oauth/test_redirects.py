"""Where a browser may be sent."""

from __future__ import annotations

import pytest

from rhd.oauth.redirects import MAX_URI_BYTES, RedirectRules, host_of, is_registered, with_parameters

RULES = RedirectRules()
ACCEPTED = [
    "http://127.0.0.1:43215/callback",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:33418/",
    "http://localhost:8787/callback",
    "http://[::1]:9/cb?x=1",
    "http://127.0.0.1:19876/mcp/oauth/callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://chatgpt.com/connector/oauth/aB3_-x",
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://grok.com/connectors-oauth-exchange-code/",
    "https://console.x.ai/connectors-oauth-exchange-code/",
    "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-aB3_-9",
    "https://www.perplexity.ai/rest/connections/oauth_callback",
    "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback",
    "https://antigravity.google/oauth-callback",
    "https://api.devin.ai/mcp/oauth/callback",
]
REFUSED = [
    "https://evil.example/cb",
    "https://chatgpt.com/",
    "https://chatgpt.com/connector/oauth/",
    "https://chatgpt.com/connector/oauth/a/b",
    "https://chatgpt.com/connector/oauth/../../evil",
    "https://chatgpt.com/connector/oauth/a?next=https://evil.example",
    "https://chatgpt.com:8443/connector/oauth/a",
    "https://chatgpt.com@evil.example/connector/oauth/a",
    "https://chatgpt.com.evil.example/connector/oauth/a",
    "https://evil.example/https://claude.ai/api/mcp/auth_callback",
    "http://chatgpt.com/connector/oauth/a",
    "https://grok.com/connectors-oauth-exchange-code",
    "https://grok.com/connectors-oauth-exchange-code/x",
    "https://oauth-redirect.googleusercontent.com/r/evil-project",
    "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-",
    "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-a/../evil-project",
    "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-a?x=1",
    "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-" + "a" * 129,
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1:80x/cb",
    "http://127.0.0.2/cb",
    "http://2130706433/cb",
    "http://localhost.evil.example/",
    "http://localhost:1\\@evil.example/",
    "http://[::1]evil/cb",
    "http://127.0.0.1/cb#fragment",
    "http://127.0.0.1/cb?code=mine",
    "http://127.0.0.1/cb?a=1&state=mine",
    "http://127.0.0.1/c b",
    "http://127.0.0.1/cb\r\nX: y",
    "http://127.0.0.1/\u00e9",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "cursor://evil/oauth/callback",
    "vscode://x/y",
    "//evil.example/cb",
    "",
    None,
    7,
    ["http://127.0.0.1/cb"],
    "http://127.0.0.1/" + "a" * MAX_URI_BYTES,
]


@pytest.mark.parametrize("uri", ACCEPTED)
def test_loopback_and_the_callbacks_of_hosted_clients_are_accepted(uri: str) -> None:
    assert RULES.is_acceptable(uri)


@pytest.mark.parametrize("uri", REFUSED, ids=lambda uri: repr(uri)[:50])
def test_any_other_redirect_is_refused(uri: object) -> None:
    assert not RULES.is_acceptable(uri)


def test_a_document_may_name_addresses_of_its_own_host_alone() -> None:
    assert RULES.is_acceptable("https://app.example/cb", of_origin="https://app.example")
    assert not RULES.is_acceptable("https://app.example.evil.example/cb", of_origin="https://app.example")
    assert not RULES.is_acceptable("https://app.example@evil.example/cb", of_origin="https://app.example")
    assert not RULES.is_acceptable("http://app.example/cb", of_origin="https://app.example")


@pytest.mark.parametrize(
    ("uri", "registered", "is_one"),
    [
        ("http://127.0.0.1:5000/callback", "http://127.0.0.1/callback", True),
        ("http://127.0.0.1/callback", "http://127.0.0.1:7777/callback", True),
        ("http://127.0.0.1:5000/callback?x=1", "http://127.0.0.1/callback", False),
        ("http://127.0.0.1:5000/callback/", "http://127.0.0.1/callback", False),
        ("http://127.0.0.1:5000/Callback", "http://127.0.0.1/callback", False),
        ("http://localhost:5000/callback", "http://127.0.0.1/callback", False),
        ("http://127.0.0.1:99999/callback", "http://127.0.0.1/callback", False),
        ("https://claude.ai/api/mcp/auth_callback", "https://claude.ai/api/mcp/auth_callback", True),
        ("https://claude.ai:443/api/mcp/auth_callback", "https://claude.ai/api/mcp/auth_callback", False),
        ("https://claude.ai/api/mcp/auth_callback?x", "https://claude.ai/api/mcp/auth_callback", False),
    ],
)
def test_a_redirect_matches_to_the_letter_but_for_the_port_of_loopback(uri: str, registered: str, is_one: bool) -> None:
    assert is_registered(uri, [registered]) is is_one


def test_parameters_are_added_and_what_the_client_had_stays_as_it_was() -> None:
    assert with_parameters("http://127.0.0.1:1/cb", code="a b", state=None) == "http://127.0.0.1:1/cb?code=a+b"
    assert with_parameters("http://127.0.0.1:1/cb?x=%2f", code="1") == "http://127.0.0.1:1/cb?x=%2f&code=1"


def test_a_person_is_shown_the_host_and_port() -> None:
    assert host_of("http://127.0.0.1:4000/callback") == "127.0.0.1:4000"
    assert host_of("https://claude.ai/api/mcp/auth_callback") == "claude.ai"
    assert host_of("cursor://anysphere.cursor-mcp/oauth/callback") == "cursor:"


def test_the_owner_adds_callbacks_to_the_letter() -> None:
    rules = RedirectRules(["https://app.example/cb", "app://callback"])
    assert rules.is_known("https://app.example/cb")
    assert rules.is_acceptable("app://callback")
    for other in ("https://app.example/cb/", "https://app.example/cb?x=1", "app://callback2"):
        assert not rules.is_acceptable(other)
    assert not RULES.is_acceptable("app://callback")
