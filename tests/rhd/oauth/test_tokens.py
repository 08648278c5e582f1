"""From code to tokens, refresh and revocation."""

from __future__ import annotations

import secrets

import pytest
import trio

from rhd.oauth.login import VALID_S
from rhd.oauth.login_flow import CODE_S
from rhd.oauth.tokens import (
    GRACE_S,
    LOOPBACK_ACCESS_S,
    MAX_ACCESS,
    MAX_REFRESH,
    REFRESH_S,
    is_challenge,
    is_verifier_of,
)
from tests.support.http import Browser, OAuthClient, Page
from tests.support.oauth_service import OAuthService, open_oauth_service


async def code_for(service: OAuthService, client: OAuthClient, *slugs: str) -> str:
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    page = Page(await browser.submit(page, "open", passphrase=" ".join(service.passphrases[s] for s in slugs)))
    return client.read_answer(await browser.submit(page, "allow"))["code"]


@pytest.fixture
async def client(service: OAuthService) -> OAuthClient:
    return await OAuthClient(service.app).register()


async def test_a_code_gives_tokens_that_say_what_was_granted(service: OAuthService, client: OAuthClient) -> None:
    answer = await client.exchange(await code_for(service, client, "one"))
    tokens = answer.json()
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 86400, "planner")
    assert tokens["access_token"].startswith("rha_")
    assert tokens["refresh_token"].startswith("rhr_")
    assert (len(tokens["access_token"]), len(tokens["refresh_token"])) == (47, 69)


async def test_offline_access_is_told_as_granted_only_to_who_asked(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"], scope="planner offline_access")
    assert tokens["scope"] == "planner offline_access"
    assert (await client.refresh(tokens["refresh_token"])).json()["scope"] == "planner offline_access"


async def test_no_secret_is_in_the_database(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    tokens = (await client.exchange(code)).json()
    again = (await client.refresh(tokens["refresh_token"])).json()
    await service.audited()
    stored = service.path.read_bytes() + service.path.with_name(service.path.name + "-wal").read_bytes()
    for secret in (code, *tokens.values(), *again.values(), service.passphrases["one"]):
        if isinstance(secret, str) and len(secret) > 20:
            assert secret.encode() not in stored
            assert secret[4:].encode() not in stored


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code": None}, "invalid_request"),
        ({"code": "rhc_" + "x" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, "invalid_grant"),
        ({"resource": "http://127.0.0.1:8765/r/one/mcp"}, "invalid_target"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"client_id": None}, "invalid_request"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"client_id": "https://chatgpt.com/oauth/client.json"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
    ],
)
async def test_a_wrong_exchange_issues_nothing_and_costs_the_right_one_nothing(
    service: OAuthService, client: OAuthClient, change: dict[str, str | None], error: str
) -> None:
    code = await code_for(service, client, "one")
    answer = await client.exchange(code, **change)
    assert answer.json()["error"] == error
    assert answer.status == (401 if error == "invalid_client" else 400)
    assert answer.header("cache-control") == "no-store"
    assert await service.rows("SELECT * FROM tokens") == []
    assert (await client.exchange(code)).status == 200


async def test_another_client_cannot_use_a_code(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    thief = await OAuthClient(service.app, verifier=client.verifier).register()
    assert (await thief.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_code_is_good_for_a_minute(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    service.clock.move(CODE_S)
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_replayed_code_revokes_what_it_gave(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    tokens = (await client.exchange(code)).json()
    newer = (await client.refresh(tokens["refresh_token"])).json()
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"
    for token in (tokens, newer):
        assert service.authority.authenticate(token["access_token"]) is None
        assert (await client.refresh(token["refresh_token"])).json()["error"] == "invalid_grant"
    assert [row.target for row in await service.audited("grant.end")] == ["code-reuse"]
    assert service.changes[-1].is_ended


@pytest.mark.parametrize("by", ["another client", "another verifier", "another redirect"])
async def test_a_used_code_ends_a_grant_only_for_the_client_and_verifier_that_it_was_made_for(
    service: OAuthService, client: OAuthClient, by: str
) -> None:
    code = await code_for(service, client, "one")
    tokens = (await client.exchange(code)).json()
    changes = {
        "another client": {"client_id": "https://chatgpt.com/oauth/client.json"},
        "another verifier": {"code_verifier": "x" * 43},
        "another redirect": {"redirect_uri": "http://127.0.0.1:1/other"},
    }[by]
    assert (await client.exchange(code, **changes)).json()["error"] == "invalid_grant"
    assert service.authority.authenticate(tokens["access_token"]) is not None
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"
    assert service.authority.authenticate(tokens["access_token"]) is None


async def test_a_code_replayed_after_a_restart_revokes_too(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    tokens = (await client.exchange(code)).json()
    async with open_oauth_service(service.path, clock=service.clock) as again:
        client.app = again.app
        assert (await client.exchange(code)).json()["error"] == "invalid_grant"
        assert again.authority.authenticate(tokens["access_token"]) is None


async def test_ten_at_once_with_one_code_end_in_nothing_granted(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    statuses: list[int] = []

    async def exchange() -> None:
        statuses.append((await client.exchange(code)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(exchange)
    assert sorted(statuses) == [200] + [400] * 9
    assert await service.rows("SELECT * FROM tokens") == []


async def test_a_refresh_rotates_both(service: OAuthService, client: OAuthClient) -> None:
    first = await client.login(service.passphrases["one"])
    second = (await client.refresh(first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert service.authority.authenticate(first["access_token"]) is not None, "calls under way go on"
    assert service.authority.authenticate(second["access_token"]) is not None


async def test_a_connection_lives_for_ever_on_one_call_a_month(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    for _ in range(24):
        service.clock.move(REFRESH_S - 1)
        await service.authority.sweep()
        answer = await client.refresh(tokens["refresh_token"])
        assert answer.status == 200
        tokens = answer.json()
    service.clock.move(REFRESH_S)
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_refreshes_in_parallel_get_the_same_pair(service: OAuthService, client: OAuthClient) -> None:
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    answers: list[str] = []

    async def refresh() -> None:
        answer = await client.refresh(token)
        assert answer.status == 200
        answers.append(answer.text)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(refresh)
    assert len(set(answers)) == 1


async def test_an_answer_lost_in_a_crash_is_had_again(service: OAuthService, client: OAuthClient) -> None:
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    lost = (await client.refresh(token)).json()
    service.clock.move(GRACE_S)
    async with open_oauth_service(service.path, clock=service.clock) as again:
        client.app = again.app
        repeated = (await client.refresh(token)).json()
        assert repeated["refresh_token"] == lost["refresh_token"]
        assert repeated["access_token"] == lost["access_token"]
        assert repeated["expires_in"] == lost["expires_in"] - GRACE_S
        assert again.authority.authenticate(repeated["access_token"]) is not None


@pytest.mark.parametrize("seconds", [GRACE_S + 1, -GRACE_S - 1, 3600 * 24])
async def test_a_refresh_token_used_again_after_a_minute_ends_its_grant(
    service: OAuthService, client: OAuthClient, seconds: float
) -> None:
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    newer = (await client.refresh(token)).json()
    service.clock.move(seconds)
    assert (await client.refresh(token)).json()["error"] == "invalid_grant"
    assert service.authority.authenticate(newer["access_token"]) is None
    assert (await client.refresh(newer["refresh_token"])).json()["error"] == "invalid_grant"
    assert [row.target for row in await service.audited("grant.end")] == ["token-reuse"]
    assert service.changes[-1].is_ended


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_reuse_is_noticed_however_many_rotations_lie_between(
    service: OAuthService, client: OAuthClient, is_restarted: bool
) -> None:
    """257 of them within a second hid it."""
    first = await client.login(service.passphrases["one"])
    tokens = first
    for _ in range(300):
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    stored = await service.rows("SELECT count(*) FROM tokens WHERE kind = 'refresh'")
    assert stored == [(MAX_REFRESH,)]
    async with open_oauth_service(service.path, clock=service.clock) as again:
        target = again if is_restarted else service
        client.app = target.app
        answer = await client.refresh(first["refresh_token"], client_id="https://chatgpt.com/oauth/client.json")
        assert answer.json()["error"] == "invalid_grant"
        assert target.authority.authenticate(tokens["access_token"]) is not None, "another client proves no theft"
        assert (await client.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
        assert target.authority.authenticate(tokens["access_token"]) is None


async def test_a_used_token_that_has_expired_since_is_a_reuse_too(service: OAuthService, client: OAuthClient) -> None:
    first = await client.login(service.passphrases["one"])
    service.clock.move(REFRESH_S - 1)
    second = (await client.refresh(first["refresh_token"])).json()
    service.clock.move(100)
    assert (await client.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert service.authority.authenticate(second["access_token"]) is None


async def test_a_reuse_ends_nobody_elses_grant(service: OAuthService, client: OAuthClient) -> None:
    other = await client.login(service.passphrases["one"])
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    await client.refresh(token)
    service.clock.move(GRACE_S + 1)
    await client.refresh(token)
    assert service.authority.authenticate(other["access_token"]) is not None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"refresh_token": None}, "invalid_request"),
        ({"refresh_token": "rhr_" + "x" * 43}, "invalid_grant"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"client_id": "https://chatgpt.com/oauth/client.json"}, "invalid_grant"),
        ({"resource": "http://127.0.0.1:8765/r/one/mcp"}, "invalid_target"),
    ],
)
async def test_a_wrong_refresh_changes_nothing(
    service: OAuthService, client: OAuthClient, change: dict[str, str | None], error: str
) -> None:
    token = (await client.login(service.passphrases["one"]))["refresh_token"]
    before = await service.rows("SELECT * FROM tokens")
    assert (await client.refresh(token, **change)).json()["error"] == error
    assert await service.rows("SELECT * FROM tokens") == before
    assert (await client.refresh(token)).status == 200


async def test_an_access_token_does_not_refresh(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    assert (await client.refresh(tokens["access_token"])).json()["error"] == "invalid_grant"
    assert service.authority.authenticate(tokens["access_token"]) is not None


async def test_asking_for_a_scope_that_was_taken_away_ends_no_connection(
    service: OAuthService, client: OAuthClient
) -> None:
    tokens = await client.login(service.passphrases["one"])
    answer = await client.refresh(tokens["refresh_token"], scope="planner executor openid")
    assert answer.json()["scope"] == "planner"


async def test_the_resource_may_be_named_under_any_of_our_origins(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"], resource="https://rh.example.com/mcp")
    for url in ("https://rh.example.com/mcp", "http://localhost:8765/mcp", "http://127.0.0.1:8765/mcp"):
        answer = await client.refresh(tokens["refresh_token"], resource=url)
        assert answer.status == 200
        tokens = answer.json()


async def test_a_client_that_refreshes_in_a_loop_fills_nothing(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    for _ in range(MAX_REFRESH + 20):
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    ((count,),) = await service.rows("SELECT count(*) FROM tokens")
    assert count == MAX_ACCESS + MAX_REFRESH
    assert len(service.authority._grants._tokens) == count
    assert service.authority.authenticate(tokens["access_token"]) is not None


async def test_the_newest_tokens_stay_though_the_clock_went_back(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    for _ in range(MAX_ACCESS + 3):
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    service.clock.move(-86_400)
    tokens = (await client.refresh(tokens["refresh_token"])).json()
    assert service.authority.authenticate(tokens["access_token"]) is not None


async def test_revoking_a_refresh_token_ends_its_grant(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    answer = await client.revoke(tokens["refresh_token"])
    assert (answer.status, answer.body) == (200, b"")
    assert service.authority.authenticate(tokens["access_token"]) is None
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert service.changes[-1].is_ended


async def test_revoking_an_access_token_leaves_the_grant(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    assert (await client.revoke(tokens["access_token"])).status == 200
    assert service.authority.authenticate(tokens["access_token"]) is None
    assert (await client.refresh(tokens["refresh_token"])).status == 200


async def test_nobody_revokes_what_is_anothers_or_learns_whether_it_is(
    service: OAuthService, client: OAuthClient
) -> None:
    tokens = await client.login(service.passphrases["one"])
    other = await OAuthClient(service.app).register()
    answers = [await other.revoke(t) for t in (tokens["access_token"], tokens["refresh_token"], "rha_unknown", "x")]
    assert {(a.status, a.body) for a in answers} == {(200, b"")}
    assert service.authority.authenticate(tokens["access_token"]) is not None
    assert (await client.revoke(tokens["access_token"], client_id=None)).json()["error"] == "invalid_request"
    assert (await client.revoke(tokens["access_token"], client_id="x")).json()["error"] == "invalid_client"


async def test_strangers_who_ask_for_tokens_reach_no_disk_and_are_one_row(
    service: OAuthService, client: OAuthClient
) -> None:
    writes = []
    write, service.store.write = service.store.write, lambda change: writes.append(change) or write(change)
    for _ in range(200):
        await client.refresh("rhr_" + secrets.token_urlsafe(32))
        await client.exchange("rhc_" + secrets.token_urlsafe(32))
    assert writes == []
    assert [row.count for row in await service.audited("token.refresh")] == [200]
    assert [row.count for row in await service.audited("login.code")] == [200]


async def test_a_grant_that_never_got_tokens_is_swept(service: OAuthService, client: OAuthClient) -> None:
    code = await code_for(service, client, "one")
    service.clock.move(VALID_S)
    await service.authority.sweep()
    assert len(service.authority._grants) == 1
    service.clock.move(VALID_S + 1)
    await service.authority.sweep()
    assert len(service.authority._grants) == 0
    assert await service.rows("SELECT * FROM logins") == []
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"
    assert [line.profiles for line in service.authority.clients()] == [{}], "the client stays, it was approved"


async def test_a_salt_goes_once_it_cannot_be_asked_for(service: OAuthService, client: OAuthClient) -> None:
    tokens = await client.login(service.passphrases["one"])
    await client.refresh(tokens["refresh_token"])
    service.clock.move(GRACE_S + 1)
    await service.authority.sweep()
    assert await service.rows("SELECT salt FROM tokens WHERE salt IS NOT NULL") == []
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert [row.target for row in await service.audited("grant.end")] == ["token-reuse"]


async def test_expired_tokens_go_after_a_week(service: OAuthService, client: OAuthClient) -> None:
    await client.login(service.passphrases["one"])
    service.clock.move(LOOPBACK_ACCESS_S + 7 * 86_400 + 1)
    await service.authority.sweep()
    assert [kind for (kind,) in await service.rows("SELECT kind FROM tokens")] == ["refresh"]
    service.clock.move(REFRESH_S)
    await service.authority.sweep()
    assert len(service.authority._grants) == 0
    assert service.authority._grants._tokens == {}


def test_a_verifier_is_checked_as_the_rfc_says() -> None:
    # RFC 7636, appendix B.
    assert is_verifier_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert not is_verifier_of(
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
    for bad in ("", "a" * 42, "a" * 129, "a" * 43 + "\n", "a" * 42 + "\u00e9", "a" * 42 + "+"):
        assert not is_verifier_of(bad, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    for bad in ("", "a" * 42, "a" * 44, "a" * 43 + "\n", "a" * 42 + "="):
        assert not is_challenge(bad)


async def test_tokens_issued_beyond_2038_expire_as_others_do(service: OAuthService, client: OAuthClient) -> None:
    service.clock.now = 2.0**31 + 1000
    client = await client.register()
    tokens = await client.login(service.passphrases["one"])
    async with open_oauth_service(service.path, clock=service.clock) as again:
        assert again.authority.authenticate(tokens["access_token"]) is not None
        service.clock.move(LOOPBACK_ACCESS_S)
        assert again.authority.authenticate(tokens["access_token"]) is None
