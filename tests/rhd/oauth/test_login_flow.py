"""From an authorization request to a code."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qsl

import pytest
import trio

from rhd.errors import Refusal
from rhd.oauth.clients import Client
from rhd.oauth.errors import RedirectError
from rhd.oauth.fetching import Network
from rhd.oauth.login import VALID_S, Login
from rhd.oauth.login_flow import MAX_PASSPHRASES
from rhd.web.origins import Origins
from tests.support.http import OAuthClient
from tests.support.oauth_service import LOCAL, PORT, PUBLIC, OAuthService, open_oauth_service, repo_ids

BROWSER = "b" * 22


async def begin(service: OAuthService, client: OAuthClient | None = None, **changes: str | None) -> Login:
    client = client or await OAuthClient(service.app).register()
    query = client.authorize_url(**changes).partition("?")[2]
    return await service.authority.logins.begin(
        parse_qsl(query), origin=LOCAL, browser=BROWSER, resource_of=Origins(PUBLIC, PORT).resource_of
    )


def choice(service: OAuthService, *slugs: str, profiles: tuple[str, ...] = ("planner",)) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(repo_ids(service, *slugs), profiles)


async def test_beginning_a_login_keeps_nothing(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    before = await service.rows("SELECT count(*) FROM clients, logins, grants")
    for _ in range(100):
        await begin(service, client)
    assert len(service.authority.logins.waiting) == 0
    assert await service.rows("SELECT count(*) FROM clients, logins, grants") == before


@pytest.mark.parametrize("client_id", ["unknown", "https://nowhere.example/client.json", "https://127.0.0.1/x"])
async def test_an_unknown_client_is_sent_nowhere(service: OAuthService, client_id: str) -> None:
    with pytest.raises(Refusal) as caught:
        await begin(service, OAuthClient(service.app, client_id=client_id))
    assert caught.value.code == "CLIENT_NOT_FOUND"


async def test_each_passphrase_opens_exactly_its_own_repository(service: OAuthService) -> None:
    logins, login = service.authority.logins, await begin(service)
    login, wrong = await logins.unlock(login, service.passphrases["one"])
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one"], 0)
    login, wrong = await logins.unlock(login, f" {service.passphrases['two']}\n\t{service.passphrases['one']} ")
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one", "two"], 0)


async def test_a_repositorys_own_page_takes_its_own_passphrase_alone(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 0)
    logins = service.authority.logins
    login = await begin(service, resource=f"{LOCAL}/r/one/mcp")
    login, wrong = await logins.unlock(login, service.passphrases["two"])
    assert (logins.opened(login), wrong) == ([], 1)
    login, wrong = await logins.unlock(login, service.passphrases["one"])
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one"], 0)


async def test_the_right_one_never_waits_whatever_the_counters_say(service: OAuthService) -> None:
    logins, login = service.authority.logins, await begin(service)
    service.authority.wrong.waiting, service.authority.wrong.count = 10**6, 10**9
    with pytest.raises(Refusal) as caught:
        await logins.unlock(login, "wrong")
    assert caught.value.code == "TOO_MANY_TRIES"
    opened, wrong = await logins.unlock(login, f"wrong {service.passphrases['one']} guess")
    assert ([repo.slug for repo in logins.opened(opened)], wrong) == (["one"], 2)
    assert service.authority.wrong.count == 10**9 + 3


async def test_so_many_passphrases_are_looked_at_and_no_more(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 0)
    logins, login = service.authority.logins, await begin(service)
    text = " ".join(f"wrong{n}" for n in range(MAX_PASSPHRASES)) + " " + service.passphrases["one"]
    login, wrong = await logins.unlock(login, text)
    assert (logins.opened(login), wrong) == ([], MAX_PASSPHRASES)


async def test_an_opened_repository_closes_when_its_passphrase_is_rotated(service: OAuthService) -> None:
    logins = service.authority.logins
    login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
    await service.rotate("one", drop=False)
    assert logins.opened(login) == []
    with pytest.raises(Refusal):
        await logins.allow(login, choice(service, "one"))


async def test_a_rotation_of_the_same_moment_wins(service: OAuthService) -> None:
    """The rotation has reached the disk, and the registry's memory not yet."""
    logins = service.authority.logins
    login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
    await service.store.write(
        lambda connection: connection.execute("UPDATE repos SET passphrase = x'00' WHERE slug = 'one'")
    )
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(service, "one"))
    assert caught.value.code == "WRONG_PASSPHRASE"
    assert await service.rows("SELECT * FROM grants") == []


async def test_only_what_was_opened_can_be_allowed(service: OAuthService) -> None:
    logins = service.authority.logins
    login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
    await logins.allow(login, choice(service, "one", "two"))
    ((held,),) = await service.rows("SELECT repo_id FROM grant_profiles")
    assert held == service.repo("one").id


@pytest.mark.parametrize("profiles", [(), ("root",)])
async def test_nothing_ticked_or_an_unknown_profile_is_refused(
    service: OAuthService, profiles: tuple[str, ...]
) -> None:
    logins = service.authority.logins
    login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(service, "one", profiles=profiles))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert await service.rows("SELECT * FROM logins") == []


async def test_a_login_is_answered_once_and_its_answer_can_be_had_again_until_it_is_used(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    logins = service.authority.logins
    await service.registry.start(service.repo("one").id, "executor", {})
    login, _ = await logins.unlock(await begin(service, client), service.passphrases["one"])
    lost, again = [await logins.allow(login, choice(service, "one", profiles=(p,))) for p in ("planner", "executor")]
    codes = [location.partition("code=")[2].partition("&")[0] for location in (lost, again)]
    assert codes[0] != codes[1]
    assert await service.rows("SELECT profile FROM grant_profiles") == [("planner",)], "the first answer holds"
    assert (await client.exchange(codes[0])).json()["error"] == "invalid_grant"
    assert (await client.exchange(codes[1])).status == 200
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(service, "one"))
    assert caught.value.code == "LOGIN_EXPIRED"
    assert service.authority.authenticate("x") is None
    assert len(await service.rows("SELECT * FROM grants")) == 1, "coming back is no replay of the code"


async def test_a_page_kept_open_cannot_bring_a_revoked_grant_back(service: OAuthService) -> None:
    logins = service.authority.logins
    login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
    await logins.allow(login, choice(service, "one"))
    await service.authority.revoke("Test Client")
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(service, "one"))
    assert caught.value.code == "LOGIN_EXPIRED"
    assert await service.rows("SELECT * FROM grants") == []


async def test_a_page_that_refuses_keeps_nothing_and_tells_the_client(service: OAuthService) -> None:
    login = await begin(service)
    code = service.authority.logins.wait(login)
    location = service.authority.logins.refuse(login)
    assert "error=access_denied" in location
    assert f"state={login.state}" in location
    with pytest.raises(Refusal):
        service.authority.pending(code)
    assert await service.rows("SELECT * FROM logins") == []


class TestTerminal:
    async def test_approving_makes_the_grant_and_the_page_goes_on(self, service: OAuthService) -> None:
        client = await OAuthClient(service.app).register()
        logins, login = service.authority.logins, await begin(service, client)
        code = logins.wait(login)
        assert service.authority.pending(code) == login
        assert not await logins.is_answered(login)
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(logins.waiting.wait, code)
                await trio.testing.wait_all_tasks_blocked()
                grant = await service.authority.approve(code, repo_ids(service, "one", "two"), ["planner", "executor"])
        assert await logins.is_answered(login)
        location = await logins.finish(login)
        tokens = (await client.exchange(location.partition("code=")[2].partition("&")[0])).json()
        bearer = service.authority.authenticate(tokens["access_token"])
        assert bearer is not None
        assert bearer.principal.id == grant
        assert tokens["scope"] == "planner executor"
        assert set(bearer.principal.profiles) == set(repo_ids(service, "one", "two"))

    async def test_an_approval_is_on_disk_when_it_is_answered(self, service: OAuthService) -> None:
        client = await OAuthClient(service.app).register()
        login = await begin(service, client)
        await service.authority.approve(service.authority.logins.wait(login), repo_ids(service, "one"), ["planner"])
        async with open_oauth_service(service.path, clock=service.clock) as again:
            assert await again.authority.logins.is_answered(login)
            assert "code=" in await again.authority.logins.finish(login)

    async def test_denying_is_told_to_the_client_and_holds(self, service: OAuthService) -> None:
        logins, login = service.authority.logins, await begin(service)
        code = logins.wait(login)
        await service.authority.deny(code)
        assert "error=access_denied" in await logins.finish(login)
        opened, _ = await logins.unlock(login, service.passphrases["one"])
        assert "error=access_denied" in await logins.allow(opened, choice(service, "one"))
        assert await service.rows("SELECT * FROM grants") == []
        with pytest.raises(Refusal):
            await service.authority.approve(code, repo_ids(service, "one"), ["planner"])

    async def test_a_login_for_one_repository_can_be_approved_for_no_other(self, service: OAuthService) -> None:
        login = await begin(service, resource=f"{LOCAL}/r/one/mcp")
        code = service.authority.logins.wait(login)
        for repos in (repo_ids(service, "two"), repo_ids(service, "one", "two")):
            with pytest.raises(Refusal) as caught:
                await service.authority.approve(code, repos, ["planner"])
            assert caught.value.code == "REPO_NOT_FOUND"
        await service.authority.approve(code, repo_ids(service, "one"), ["planner"])
        ((resource,),) = await service.rows("SELECT resource FROM grants")
        assert resource == service.repo("one").id

    async def test_what_names_nothing_is_refused(self, service: OAuthService) -> None:
        code = service.authority.logins.wait(await begin(service))
        for repos, profiles in (
            ([], ["planner"]),
            (repo_ids(service, "one"), []),
            (repo_ids(service, "one"), ["root"]),
        ):
            with pytest.raises(Refusal) as caught:
                await service.authority.approve(code, repos, profiles)
            assert caught.value.code == "INVALID_ARGUMENT"
        assert service.authority.pending(code)

    async def test_ten_minutes_later_nothing_waits_under_the_code(self, service: OAuthService) -> None:
        login = await begin(service)
        code = service.authority.logins.wait(login)
        service.clock.move(VALID_S + 1)
        with pytest.raises(Refusal) as caught:
            service.authority.pending(code)
        assert caught.value.code == "APPROVAL_NOT_FOUND"
        assert len(service.authority.logins.waiting) == 0

    async def test_terminal_and_page_at_once_make_one_grant(self, service: OAuthService) -> None:
        logins = service.authority.logins
        login, _ = await logins.unlock(await begin(service), service.passphrases["one"])
        code = logins.wait(login)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(logins.allow, login, choice(service, "one"))
            with contextlib.suppress(Refusal):
                await service.authority.approve(code, repo_ids(service, "one", "two"), ["planner"])
        assert len(await service.rows("SELECT * FROM grants")) == 1


async def test_a_client_with_a_callback_of_its_own_is_asked_before_an_error_leads_there(service: OAuthService) -> None:
    url = "https://app.example/client.json"

    async def find(client_id: str) -> Client:
        return Client(url, "App", ("https://app.example/cb",))

    service.authority.logins._find_client = find
    client = OAuthClient(service.app, client_id=url, redirect_uri="https://app.example/cb")
    with pytest.raises(RedirectError) as caught:
        await begin(service, client, response_type="token")
    assert not caught.value.is_trusted
    login, _ = await service.authority.logins.unlock(await begin(service, client), service.passphrases["one"])
    await service.authority.logins.allow(login, choice(service, "one"))
    with pytest.raises(RedirectError) as caught:
        await begin(service, client, response_type="token")
    assert caught.value.is_trusted, "the owner has approved it once"


async def test_an_approved_client_logs_in_again_though_its_registration_is_old(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    await client.login(service.passphrases["one"])
    await service.rotate("one", drop=True)
    assert len(await service.rows("SELECT * FROM grants")) == 0
    service.clock.move(400 * 86_400)
    await service.authority.sweep()
    tokens = await client.login(service.passphrases["one"])
    assert service.authority.authenticate(tokens["access_token"]) is not None


async def test_an_approved_document_is_good_when_it_cannot_be_fetched_now(service: OAuthService) -> None:
    url = "https://app.example/client.json"
    service.authority._grants.keep_client(Client(url, "App", ("http://127.0.0.1/cb",)), 0)

    async def nobody(host: str) -> list[str]:
        raise OSError

    service.authority._documents._network = Network(resolve=nobody)
    found = await service.authority.find_client(url)
    assert found is not None
    assert found.name == "App"
