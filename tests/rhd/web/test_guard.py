"""What is decided about a request before its body is looked at."""

from __future__ import annotations

import pytest

from rhd.web.guard import MAX_HEADERS
from tests.support.http import OAuthClient, bearer, call
from tests.support.oauth_service import LOCAL, PUBLIC, OAuthService


@pytest.mark.parametrize(
    ("path", "metadata"),
    [("/mcp", "/mcp"), ("/r/one/mcp", "/r/one/mcp"), ("/r/nobody/mcp", "/r/nobody/mcp")],
)
@pytest.mark.parametrize(("host", "origin"), [("127.0.0.1:8765", LOCAL), ("rh.example.com", PUBLIC)])
async def test_a_challenge_leads_to_the_metadata_of_what_was_asked_for_under_the_name_it_was_asked_by(
    service: OAuthService, path: str, metadata: str, host: str, origin: str
) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        answer = await call(service.app, method, path, host=host)
        assert answer.status == 401
        assert answer.header("www-authenticate") == (
            f'Bearer resource_metadata="{origin}/.well-known/oauth-protected-resource{metadata}", scope="planner"'
        )
        answer = await call(service.app, method, path, [bearer("x")], host=host)
        assert (answer.header("www-authenticate") or "").startswith('Bearer error="invalid_token", resource_metadata=')


async def test_a_preflight_needs_no_token_and_only_an_allowed_page_is_told_more(service: OAuthService) -> None:
    for path in ("/mcp", "/r/one/mcp", "/r/nobody/mcp"):
        allowed = await call(service.app, "OPTIONS", path, [("origin", "https://claude.ai")])
        assert allowed.status == 204
        assert allowed.header("access-control-allow-origin") == "https://claude.ai"
        assert allowed.header("access-control-allow-methods") == "DELETE, GET, POST, OPTIONS"
        assert "Authorization" in (allowed.header("access-control-allow-headers") or "")
        foreign = await call(service.app, "OPTIONS", path, [("origin", "https://evil.example")])
        assert [name for name, _ in foreign.headers if name.startswith("access-control")] == []


async def test_a_page_reads_challenges_and_answers(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    page = ("origin", "https://claude.ai")
    for headers, status in (([page], 401), ([page, bearer(token)], 200)):
        answer = await call(service.app, "POST", "/mcp", headers, b"{}")
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == "https://claude.ai"
        assert "WWW-Authenticate" in (answer.header("access-control-expose-headers") or "")


async def test_a_request_of_two_pages_is_of_neither(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    pages = [("origin", "https://claude.ai"), ("origin", "https://evil.example")]
    for found in (pages, pages[::-1], pages[:1] * 2):
        answer = await call(service.app, "POST", "/mcp", [bearer(token), *found], b"{}")
        assert answer.status == 403
        assert answer.header("access-control-allow-origin") is None


async def test_headers_beyond_measure_are_refused(service: OAuthService) -> None:
    many = [("x", "y")] * (MAX_HEADERS + 1)
    large = [("x", "y" * 30_000)]
    for headers in (many, large):
        answer = await call(service.app, "GET", "/health", headers)
        assert (answer.status, answer.json()["error"]) == (431, "headers_too_large")
