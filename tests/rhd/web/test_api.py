"""The JSON side: what is sent, and what comes back."""

from __future__ import annotations

import base64
import json

import pytest

from tests.support.http import FORM, OAuthClient, call
from tests.support.oauth_service import OAuthService

JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    ("target", "headers", "body", "error"),
    [
        ("/token", [FORM], b"", "invalid_request"),
        ("/token", [JSON], b"{}", "invalid_request"),
        ("/token", [], b"grant_type=x", "invalid_request"),
        ("/token", [FORM], b"grant_type=refresh_token&grant_type=refresh_token&client_id=x", "invalid_request"),
        ("/token", [FORM], b"client_id=x&client_id=y&grant_type=refresh_token", "invalid_request"),
        ("/token", [FORM], b"\xff\xfe=1", "invalid_request"),
        ("/token", [FORM], b"a=%ff", "invalid_request"),
        ("/token", [FORM], b"&".join(b"a%d=1" % n for n in range(200)), "invalid_request"),
        ("/token", [FORM], b"client_id=x&grant_type=refresh_token&refresh_token=x", "invalid_client"),
        ("/revoke", [FORM], b"client_id=x", "invalid_request"),
        ("/revoke", [FORM], b"client_id=x&token=x", "invalid_client"),
        ("/register", [JSON], b"", "invalid_client_metadata"),
        ("/register", [JSON], b"[" * 10_000, "invalid_client_metadata"),
        ("/register", [JSON], b'{"redirect_uris": NaN}', "invalid_redirect_uri"),
        ("/register", [JSON], b'{"redirect_uris": ["\\ud800"]}', "invalid_redirect_uri"),
        ("/register", [JSON], b'{"redirect_uris": ["https://evil.example/"]}', "invalid_redirect_uri"),
    ],
)
async def test_what_cannot_be_used_is_refused_as_json_with_the_word_of_the_rfc(
    service: OAuthService, target: str, headers: list[tuple[str, str]], body: bytes, error: str
) -> None:
    answer = await call(service.app, "POST", target, headers, body)
    assert answer.json()["error"] == error
    assert answer.status == (401 if error == "invalid_client" else 400)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("access-control-allow-origin") == "*"
    assert b"evil" not in answer.body, "nothing that was sent is sent back"


@pytest.mark.parametrize("target", ["/token", "/revoke", "/register"])
async def test_a_body_beyond_measure_is_refused_as_json(service: OAuthService, target: str) -> None:
    answer = await call(service.app, "POST", target, [FORM], b"x" * 40_000)
    assert answer.status == 413
    assert answer.json()["error"] == "request_too_large"
    assert answer.header("access-control-allow-origin") == "*"


async def test_a_registration_is_answered_as_the_rfc_says(service: OAuthService) -> None:
    body = json.dumps(
        {"client_name": "Codex", "redirect_uris": ["http://127.0.0.1:4/callback"], "scope": "planner"}
    ).encode()
    answer = await call(service.app, "POST", "/register", [JSON], body)
    assert answer.status == 201
    assert answer.header("cache-control") == "no-store"
    assert answer.json()["client_name"] == "Codex"


async def test_a_client_may_name_itself_by_basic_without_a_secret(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    basic = base64.b64encode(f"{client.client_id}:".encode()).decode()
    form = f"grant_type=refresh_token&refresh_token={token}".encode()
    answer = await call(service.app, "POST", "/token", [FORM, ("authorization", f"Basic {basic}")], form)
    assert answer.status == 200


@pytest.mark.parametrize("credentials", ["!!!", "gICA", base64.b64encode(b"stranger:").decode()])
async def test_a_client_that_used_basic_is_challenged_by_basic(service: OAuthService, credentials: str) -> None:
    form = b"grant_type=refresh_token&refresh_token=x"
    answer = await call(service.app, "POST", "/token", [FORM, ("authorization", f"Basic {credentials}")], form)
    assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
    assert (answer.header("www-authenticate") or "").startswith("Basic ")
