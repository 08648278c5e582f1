"""From code to tokens, refresh and revocation."""

from __future__ import annotations

import secrets

import pytest
import trio

from rhd.oauth.logins import CODE_S
from rhd.oauth.requests import VALID_S
from rhd.oauth.tokens import ACCESS_S, GRACE_S, MAX_ACCESS, MAX_REFRESH, REFRESH_S, is_challenge, is_verifier_of
from tests.support.house import House, open_house
from tests.support.http import Browser, OAuthClient, Page


async def code_for(house: House, client: OAuthClient, *slugs: str) -> str:
    browser = Browser(house.app)
    page = Page(await browser.get(client.authorize_url()))
    page = Page(await browser.submit(page, "open", passphrase=" ".join(house.passphrases[s] for s in slugs)))
    return client.read_answer(await browser.submit(page, "allow"))["code"]


@pytest.fixture
async def client(house: House) -> OAuthClient:
    return await OAuthClient(house.app).register()


async def test_a_code_gives_tokens_that_say_what_was_granted(house: House, client: OAuthClient) -> None:
    answer = await client.exchange(await code_for(house, client, "one"))
    tokens = answer.json()
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "planner")
    assert tokens["access_token"].startswith("rha_")
    assert tokens["refresh_token"].startswith("rhr_")
    assert len(tokens["access_token"]) == len(tokens["refresh_token"]) == 47


async def test_offline_access_is_told_as_granted_only_to_who_asked(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"], scope="planner offline_access")
    assert tokens["scope"] == "planner offline_access"
    assert (await client.refresh(tokens["refresh_token"])).json()["scope"] == "planner offline_access"


async def test_no_secret_is_in_the_database(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    tokens = (await client.exchange(code)).json()
    again = (await client.refresh(tokens["refresh_token"])).json()
    await house.audited()
    stored = house.path.read_bytes() + house.path.with_name(house.path.name + "-wal").read_bytes()
    for secret in (code, *tokens.values(), *again.values(), house.passphrases["one"]):
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
    house: House, client: OAuthClient, change: dict[str, str | None], error: str
) -> None:
    code = await code_for(house, client, "one")
    answer = await client.exchange(code, **change)
    assert answer.json()["error"] == error
    assert answer.status == (401 if error == "invalid_client" else 400)
    assert answer.header("cache-control") == "no-store"
    assert await house.rows("SELECT * FROM tokens") == []
    assert (await client.exchange(code)).status == 200


async def test_another_client_cannot_use_a_code(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    thief = await OAuthClient(house.app, verifier=client.verifier).register()
    assert (await thief.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_code_is_good_for_a_minute(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    house.clock.move(CODE_S)
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"


async def test_a_replayed_code_revokes_what_it_gave(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    tokens = (await client.exchange(code)).json()
    newer = (await client.refresh(tokens["refresh_token"])).json()
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"
    for token in (tokens, newer):
        assert house.authority.authenticate(token["access_token"]) is None
        assert (await client.refresh(token["refresh_token"])).json()["error"] == "invalid_grant"
    assert [row.outcome for row in await house.audited("login.replay")] == ["ok"]
    assert house.changes[-1].is_ended


async def test_a_code_replayed_after_a_restart_revokes_too(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    tokens = (await client.exchange(code)).json()
    async with open_house(house.path, clock=house.clock) as again:
        client.app = again.app
        assert (await client.exchange(code)).json()["error"] == "invalid_grant"
        assert again.authority.authenticate(tokens["access_token"]) is None


async def test_ten_at_once_with_one_code_end_in_nothing_granted(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    statuses: list[int] = []

    async def exchange() -> None:
        statuses.append((await client.exchange(code)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(exchange)
    assert sorted(statuses) == [200] + [400] * 9
    assert await house.rows("SELECT * FROM tokens") == []


async def test_a_refresh_rotates_both(house: House, client: OAuthClient) -> None:
    first = await client.login(house.passphrases["one"])
    second = (await client.refresh(first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert house.authority.authenticate(first["access_token"]) is not None, "calls under way go on"
    assert house.authority.authenticate(second["access_token"]) is not None


async def test_a_connection_lives_for_ever_on_one_call_a_month(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    for _ in range(24):
        house.clock.move(REFRESH_S - 1)
        await house.authority.sweep()
        answer = await client.refresh(tokens["refresh_token"])
        assert answer.status == 200
        tokens = answer.json()
    house.clock.move(REFRESH_S)
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_refreshes_in_parallel_get_the_same_pair(house: House, client: OAuthClient) -> None:
    token = (await client.login(house.passphrases["one"]))["refresh_token"]
    answers: list[str] = []

    async def refresh() -> None:
        answer = await client.refresh(token)
        assert answer.status == 200
        answers.append(answer.text)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(refresh)
    assert len(set(answers)) == 1


async def test_an_answer_lost_in_a_crash_is_had_again(house: House, client: OAuthClient) -> None:
    token = (await client.login(house.passphrases["one"]))["refresh_token"]
    lost = (await client.refresh(token)).json()
    house.clock.move(GRACE_S)
    async with open_house(house.path, clock=house.clock) as again:
        client.app = again.app
        repeated = (await client.refresh(token)).json()
        assert repeated["refresh_token"] == lost["refresh_token"]
        assert repeated["access_token"] == lost["access_token"]
        assert repeated["expires_in"] == lost["expires_in"] - GRACE_S
        assert again.authority.authenticate(repeated["access_token"]) is not None


@pytest.mark.parametrize("seconds", [GRACE_S + 1, -GRACE_S - 1, 3600 * 24])
async def test_a_refresh_token_used_again_after_a_minute_ends_its_grant(
    house: House, client: OAuthClient, seconds: float
) -> None:
    token = (await client.login(house.passphrases["one"]))["refresh_token"]
    newer = (await client.refresh(token)).json()
    house.clock.move(seconds)
    assert (await client.refresh(token)).json()["error"] == "invalid_grant"
    assert house.authority.authenticate(newer["access_token"]) is None
    assert (await client.refresh(newer["refresh_token"])).json()["error"] == "invalid_grant"
    assert len(await house.audited("token.reuse")) == 1
    assert house.changes[-1].is_ended


async def test_a_reuse_ends_nobody_elses_grant(house: House, client: OAuthClient) -> None:
    other = await client.login(house.passphrases["one"])
    token = (await client.login(house.passphrases["one"]))["refresh_token"]
    await client.refresh(token)
    house.clock.move(GRACE_S + 1)
    await client.refresh(token)
    assert house.authority.authenticate(other["access_token"]) is not None


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
    house: House, client: OAuthClient, change: dict[str, str | None], error: str
) -> None:
    token = (await client.login(house.passphrases["one"]))["refresh_token"]
    before = await house.rows("SELECT * FROM tokens")
    assert (await client.refresh(token, **change)).json()["error"] == error
    assert await house.rows("SELECT * FROM tokens") == before
    assert (await client.refresh(token)).status == 200


async def test_an_access_token_does_not_refresh(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    assert (await client.refresh(tokens["access_token"])).json()["error"] == "invalid_grant"
    assert house.authority.authenticate(tokens["access_token"]) is not None


async def test_asking_for_a_scope_that_was_taken_away_ends_no_connection(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    answer = await client.refresh(tokens["refresh_token"], scope="planner executor openid")
    assert answer.json()["scope"] == "planner"


async def test_the_resource_may_be_named_under_any_of_our_origins(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"], resource="https://rh.example.com/mcp")
    for url in ("https://rh.example.com/mcp", "http://localhost:8765/mcp", "http://127.0.0.1:8765/mcp"):
        answer = await client.refresh(tokens["refresh_token"], resource=url)
        assert answer.status == 200
        tokens = answer.json()


async def test_a_client_that_refreshes_in_a_loop_fills_nothing(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    for _ in range(MAX_REFRESH + 20):
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    ((count,),) = await house.rows("SELECT count(*) FROM tokens")
    assert count == MAX_ACCESS + MAX_REFRESH
    assert len(house.authority._grants._tokens) == count
    assert house.authority.authenticate(tokens["access_token"]) is not None


async def test_the_newest_tokens_stay_though_the_clock_went_back(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    for _ in range(MAX_ACCESS + 3):
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    house.clock.move(-86_400)
    tokens = (await client.refresh(tokens["refresh_token"])).json()
    assert house.authority.authenticate(tokens["access_token"]) is not None


async def test_revoking_a_refresh_token_ends_its_grant(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    answer = await client.revoke(tokens["refresh_token"])
    assert (answer.status, answer.body) == (200, b"")
    assert house.authority.authenticate(tokens["access_token"]) is None
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert house.changes[-1].is_ended


async def test_revoking_an_access_token_leaves_the_grant(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    assert (await client.revoke(tokens["access_token"])).status == 200
    assert house.authority.authenticate(tokens["access_token"]) is None
    assert (await client.refresh(tokens["refresh_token"])).status == 200


async def test_nobody_revokes_what_is_anothers_or_learns_whether_it_is(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    other = await OAuthClient(house.app).register()
    answers = [await other.revoke(t) for t in (tokens["access_token"], tokens["refresh_token"], "rha_unknown", "x")]
    assert {(a.status, a.body) for a in answers} == {(200, b"")}
    assert house.authority.authenticate(tokens["access_token"]) is not None
    assert (await client.revoke(tokens["access_token"], client_id=None)).json()["error"] == "invalid_request"
    assert (await client.revoke(tokens["access_token"], client_id="x")).json()["error"] == "invalid_client"


async def test_strangers_who_ask_for_tokens_reach_no_disk_and_are_one_row(house: House, client: OAuthClient) -> None:
    writes = []
    submit, house.store.submit = house.store.submit, lambda change: writes.append(change) or submit(change)
    for _ in range(200):
        await client.refresh("rhr_" + secrets.token_urlsafe(32))
        await client.exchange("rhc_" + secrets.token_urlsafe(32))
    assert writes == []
    assert [row.count for row in await house.audited("token.refresh")] == [200]
    assert [row.count for row in await house.audited("login.code")] == [200]


async def test_a_grant_that_never_got_tokens_is_swept(house: House, client: OAuthClient) -> None:
    code = await code_for(house, client, "one")
    house.clock.move(VALID_S)
    await house.authority.sweep()
    assert len(house.authority._grants) == 1
    house.clock.move(VALID_S + 1)
    await house.authority.sweep()
    assert len(house.authority._grants) == 0
    assert await house.rows("SELECT * FROM logins") == []
    assert (await client.exchange(code)).json()["error"] == "invalid_grant"
    assert [line.profiles for line in house.authority.clients()] == [{}], "the client stays, it was approved"


async def test_a_salt_goes_once_it_cannot_be_asked_for(house: House, client: OAuthClient) -> None:
    tokens = await client.login(house.passphrases["one"])
    await client.refresh(tokens["refresh_token"])
    house.clock.move(GRACE_S + 1)
    await house.authority.sweep()
    assert await house.rows("SELECT salt FROM tokens WHERE salt IS NOT NULL") == []
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert len(await house.audited("token.reuse")) == 1


async def test_expired_tokens_go_after_a_week(house: House, client: OAuthClient) -> None:
    await client.login(house.passphrases["one"])
    house.clock.move(ACCESS_S + 7 * 86_400 + 1)
    await house.authority.sweep()
    assert [kind for (kind,) in await house.rows("SELECT kind FROM tokens")] == ["refresh"]
    house.clock.move(REFRESH_S)
    await house.authority.sweep()
    assert len(house.authority._grants) == 0
    assert house.authority._grants._tokens == {}


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


async def test_tokens_issued_beyond_2038_expire_as_others_do(house: House, client: OAuthClient) -> None:
    house.clock.now = 2.0**31 + 1000
    client = await client.register()
    tokens = await client.login(house.passphrases["one"])
    async with open_house(house.path, clock=house.clock) as again:
        assert again.authority.authenticate(tokens["access_token"]) is not None
        house.clock.move(ACCESS_S)
        assert again.authority.authenticate(tokens["access_token"]) is None
