"""What every client may do now."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from rhd.oauth.grants import GrantChange
from rhd.oauth.tokens import ACCESS_S, LOOPBACK_ACCESS_S
from tests.support.http import OAuthClient
from tests.support.oauth_service import OAuthService, open_oauth_service, repo_ids


async def test_a_token_says_who_presents_it_and_what_it_may_do_now(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"], service.passphrases["two"])
    bearer = service.authority.authenticate(tokens["access_token"])
    assert bearer is not None
    one, two = repo_ids(service, "one", "two")
    assert dict(bearer.principal.profiles) == {one: {"planner"}, two: {"planner"}}
    assert bearer.principal.label == "Test Client"
    assert not bearer.principal.is_owner
    assert (bearer.resource, bearer.scopes, bearer.client_id) == ("hub", ("planner",), client.client_id)
    assert bearer.expires_at == service.clock.now + LOOPBACK_ACCESS_S
    await service.authority.widen(bearer.principal.id, two, "executor")
    now = service.authority.authenticate(tokens["access_token"])
    assert now is not None
    assert now.principal.may(two, "executor")
    assert not now.principal.may(one, "executor")
    assert now.scopes == ("planner", "executor")
    assert not bearer.principal.may(two, "executor"), "a principal that was handed out is of its moment"


async def test_what_is_no_living_access_token_is_nobody(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    for other in (
        "",
        "x",
        refresh,
        access[:-1],
        access + "a",
        access.upper(),
        "rha_",
        "rha_\udcff",
        "rha_" + "x" * 9999,
    ):
        assert service.authority.authenticate(other) is None


@pytest.mark.parametrize(
    ("client_id", "redirect_uri", "lasts_s"),
    [
        ("https://chatgpt.com/oauth/client.json", "https://chatgpt.com/connector_platform_oauth_redirect", ACCESS_S),
        ("https://chatgpt.com/oauth/codex/client.json", "http://127.0.0.1:43999/callback", LOOPBACK_ACCESS_S),
    ],
)
async def test_an_access_token_is_good_for_an_hour_or_for_a_day_on_the_owners_machine(
    service: OAuthService, client_id: str, redirect_uri: str, lasts_s: float
) -> None:
    client = OAuthClient(service.app, client_id=client_id, redirect_uri=redirect_uri)
    tokens = await client.login(service.passphrases["one"])
    assert tokens["expires_in"] == lasts_s
    service.clock.move(lasts_s - 1)
    assert service.authority.authenticate(tokens["access_token"]) is not None
    service.clock.move(1)
    assert service.authority.authenticate(tokens["access_token"]) is None
    again = (await client.refresh(tokens["refresh_token"])).json()
    assert again["expires_in"] == lasts_s
    async with open_oauth_service(service.path, clock=service.clock) as later:
        client.app = later.app
        assert (await client.refresh(again["refresh_token"])).json()["expires_in"] == lasts_s


async def test_two_logins_of_one_client_never_share_a_grant(service: OAuthService) -> None:
    client = OAuthClient(service.app, client_id="https://chatgpt.com/oauth/codex/client.json")
    owner = await client.login(service.passphrases["one"], service.passphrases["two"])
    guest = await client.login(service.passphrases["two"])
    (one,) = repo_ids(service, "one")
    mine, theirs = (service.authority.authenticate(t["access_token"]) for t in (owner, guest))
    assert mine is not None
    assert theirs is not None
    assert mine.principal.id != theirs.principal.id
    assert mine.principal.may(one, "planner")
    assert not theirs.principal.may(one, "planner")


async def test_everything_is_there_again_after_a_restart(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    before = service.authority.authenticate(tokens["access_token"])
    assert before is not None
    service.clock.move(100)
    service.authority.authenticate(tokens["access_token"])
    service.authority._grants.flush_used()
    await service.store.write(lambda connection: None)
    async with open_oauth_service(service.path, clock=service.clock) as again:
        assert again.authority.authenticate(tokens["access_token"]) == before
        (line,) = again.authority.clients()
        assert line.used_at == service.clock.now
        assert again.authority._grants.codes == service.authority._grants.codes
        assert (await OAuthClient(again.app, client_id=client.client_id).refresh(tokens["refresh_token"])).status == 200


async def test_the_last_use_is_one_write_for_many_calls(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    jobs = []
    later, service.store.write_later = service.store.write_later, lambda c: jobs.append(c) or later(c)
    for _ in range(1000):
        service.authority.authenticate(token)
    assert jobs == []
    service.authority._grants.flush_used()
    service.authority._grants.flush_used()
    assert len(jobs) == 1


async def test_listeners_hear_of_a_change_once_it_is_on_disk(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    bearer = service.authority.authenticate(token)
    assert bearer is not None
    seen = []
    service.authority.listen(lambda change: seen.append((change, service.authority.authenticate(token))))
    await service.authority.widen("Test Client", service.repo("two").id, "planner")
    await service.authority.revoke("Test Client")
    (changed, during), (ended, after) = seen
    assert changed == GrantChange(bearer.principal.id, is_ended=False)
    assert during is not None
    assert during.principal.may(service.repo("two").id, "planner")
    assert ended == GrantChange(bearer.principal.id, is_ended=True)
    assert after is None
    assert await service.rows("SELECT * FROM tokens") == []


async def test_a_change_whose_caller_went_away_is_carried_out_on_disk_and_in_memory(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    writing, write = trio.Event(), service.store.write

    async def write_noticed(change: Any) -> Any:
        writing.set()
        return await write(change)

    monkeypatch.setattr(service.store, "write", write_noticed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.authority.revoke, "Test Client")
        await writing.wait()
        nursery.cancel_scope.cancel()
    assert service.authority.authenticate(token) is None
    assert await service.rows("SELECT * FROM tokens") == []


async def test_edits_of_one_moment_leave_memory_as_the_disk_has_it(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"], service.passphrases["two"]))["access_token"]
    one, two = repo_ids(service, "one", "two")
    async with trio.open_nursery() as nursery:
        for profile in ("executor", "orchestrator"):
            nursery.start_soon(service.authority.widen, "Test Client", one, profile)
            nursery.start_soon(service.authority.widen, "Test Client", two, profile)
        nursery.start_soon(service.authority.revoke, "Test Client", two)
    bearer = service.authority.authenticate(token)
    assert bearer is not None
    (line,) = service.authority.clients()
    held = {(repo, name) for repo, names in line.profiles.items() for name in names}
    assert held == set(await service.rows("SELECT repo_id, profile FROM grant_profiles"))


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
async def test_a_clock_that_is_set_wrong_for_a_day_ends_no_connection(service: OAuthService, seconds: float) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    service.clock.move(seconds)
    assert service.authority.authenticate(tokens["access_token"]) is None
    await service.authority.sweep()
    during = await client.refresh(tokens["refresh_token"])
    assert during.status == 200
    assert service.authority.authenticate(during.json()["access_token"]) is not None
    service.clock.move(-seconds)
    after = await client.refresh(during.json()["refresh_token"])
    assert after.status == 200
    assert service.authority.authenticate(after.json()["access_token"]) is not None
