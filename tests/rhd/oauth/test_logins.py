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
from rhd.oauth.logins import MAX_PASSPHRASES
from rhd.oauth.requests import VALID_S, Login
from rhd.web.origins import Origins
from tests.support.house import LOCAL, PORT, PUBLIC, House, open_house, repo_ids
from tests.support.http import OAuthClient

BROWSER = "b" * 22


async def begin(house: House, client: OAuthClient | None = None, **changes: str | None) -> Login:
    client = client or await OAuthClient(house.app).register()
    query = client.authorize_url(**changes).partition("?")[2]
    return await house.authority.logins.begin(
        parse_qsl(query), origin=LOCAL, browser=BROWSER, resource_of=Origins(PUBLIC, PORT).resource_of
    )


def choice(house: House, *slugs: str, profiles: tuple[str, ...] = ("planner",)) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(repo_ids(house, *slugs), profiles)


async def test_beginning_a_login_keeps_nothing(house: House) -> None:
    client = await OAuthClient(house.app).register()
    before = await house.rows("SELECT count(*) FROM clients, logins, grants")
    for _ in range(100):
        await begin(house, client)
    assert len(house.authority.logins.waiting) == 0
    assert await house.rows("SELECT count(*) FROM clients, logins, grants") == before


@pytest.mark.parametrize("client_id", ["unknown", "https://nowhere.example/client.json", "https://127.0.0.1/x"])
async def test_an_unknown_client_is_sent_nowhere(house: House, client_id: str) -> None:
    with pytest.raises(Refusal) as caught:
        await begin(house, OAuthClient(house.app, client_id=client_id))
    assert caught.value.code == "CLIENT_NOT_FOUND"


async def test_each_passphrase_opens_exactly_its_own_repository(house: House) -> None:
    logins, login = house.authority.logins, await begin(house)
    login, wrong = await logins.unlock(login, house.passphrases["one"])
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one"], 0)
    login, wrong = await logins.unlock(login, f" {house.passphrases['two']}\n\t{house.passphrases['one']} ")
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one", "two"], 0)


async def test_a_repositorys_own_page_takes_its_own_passphrase_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.passphrases.DELAY_S", 0)
    logins = house.authority.logins
    login = await begin(house, resource=f"{LOCAL}/r/one/mcp")
    login, wrong = await logins.unlock(login, house.passphrases["two"])
    assert (logins.opened(login), wrong) == ([], 1)
    login, wrong = await logins.unlock(login, house.passphrases["one"])
    assert ([repo.slug for repo in logins.opened(login)], wrong) == (["one"], 0)


async def test_the_right_one_never_waits_whatever_the_counters_say(house: House) -> None:
    logins, login = house.authority.logins, await begin(house)
    house.authority.wrong.waiting, house.authority.wrong.count = 10**6, 10**9
    with pytest.raises(Refusal) as caught:
        await logins.unlock(login, "wrong")
    assert caught.value.code == "TOO_MANY_TRIES"
    opened, wrong = await logins.unlock(login, f"wrong {house.passphrases['one']} guess")
    assert ([repo.slug for repo in logins.opened(opened)], wrong) == (["one"], 2)
    assert house.authority.wrong.count == 10**9 + 3


async def test_so_many_passphrases_are_looked_at_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhd.oauth.passphrases.DELAY_S", 0)
    logins, login = house.authority.logins, await begin(house)
    text = " ".join(f"wrong{n}" for n in range(MAX_PASSPHRASES)) + " " + house.passphrases["one"]
    login, wrong = await logins.unlock(login, text)
    assert (logins.opened(login), wrong) == ([], MAX_PASSPHRASES)


async def test_an_opened_repository_closes_when_its_passphrase_is_rotated(house: House) -> None:
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
    await house.rotate("one", drop=False)
    assert logins.opened(login) == []
    with pytest.raises(Refusal):
        await logins.allow(login, choice(house, "one"))


async def test_a_rotation_of_the_same_moment_wins(house: House) -> None:
    """The rotation has reached the disk, and the registry's memory not yet."""
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
    await house.store.write(
        lambda connection: connection.execute("UPDATE repos SET passphrase = x'00' WHERE slug = 'one'")
    )
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(house, "one"))
    assert caught.value.code == "WRONG_PASSPHRASE"
    assert await house.rows("SELECT * FROM grants") == []


async def test_only_what_was_opened_can_be_allowed(house: House) -> None:
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
    await logins.allow(login, choice(house, "one", "two"))
    ((held,),) = await house.rows("SELECT repo_id FROM grant_profiles")
    assert held == house.repo("one").id


@pytest.mark.parametrize("profiles", [(), ("root",)])
async def test_nothing_ticked_or_an_unknown_profile_is_refused(house: House, profiles: tuple[str, ...]) -> None:
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(house, "one", profiles=profiles))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert await house.rows("SELECT * FROM logins") == []


async def test_a_login_is_answered_once_and_its_answer_can_be_had_again_until_it_is_used(house: House) -> None:
    client = await OAuthClient(house.app).register()
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house, client), house.passphrases["one"])
    lost, again = [await logins.allow(login, choice(house, "one", profiles=(p,))) for p in ("planner", "executor")]
    codes = [location.partition("code=")[2].partition("&")[0] for location in (lost, again)]
    assert codes[0] != codes[1]
    assert await house.rows("SELECT profile FROM grant_profiles") == [("planner",)], "the first answer holds"
    assert (await client.exchange(codes[0])).json()["error"] == "invalid_grant"
    assert (await client.exchange(codes[1])).status == 200
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(house, "one"))
    assert caught.value.code == "LOGIN_EXPIRED"
    assert house.authority.authenticate("x") is None
    assert len(await house.rows("SELECT * FROM grants")) == 1, "coming back is no replay of the code"


async def test_a_page_kept_open_cannot_bring_a_revoked_grant_back(house: House) -> None:
    logins = house.authority.logins
    login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
    await logins.allow(login, choice(house, "one"))
    await house.authority.revoke("Test Client")
    with pytest.raises(Refusal) as caught:
        await logins.allow(login, choice(house, "one"))
    assert caught.value.code == "LOGIN_EXPIRED"
    assert await house.rows("SELECT * FROM grants") == []


async def test_a_page_that_refuses_keeps_nothing_and_tells_the_client(house: House) -> None:
    login = await begin(house)
    code = house.authority.logins.wait(login)
    location = house.authority.logins.refuse(login)
    assert "error=access_denied" in location
    assert f"state={login.state}" in location
    with pytest.raises(Refusal):
        house.authority.pending(code)
    assert await house.rows("SELECT * FROM logins") == []


class TestTerminal:
    async def test_approving_makes_the_grant_and_the_page_goes_on(self, house: House) -> None:
        client = await OAuthClient(house.app).register()
        logins, login = house.authority.logins, await begin(house, client)
        code = logins.wait(login)
        assert house.authority.pending(code) == login
        assert not await logins.is_answered(login)
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(logins.waiting.wait, code)
                await trio.testing.wait_all_tasks_blocked()
                grant = await house.authority.approve(code, repo_ids(house, "one", "two"), ["planner", "executor"])
        assert await logins.is_answered(login)
        location = await logins.finish(login)
        tokens = (await client.exchange(location.partition("code=")[2].partition("&")[0])).json()
        bearer = house.authority.authenticate(tokens["access_token"])
        assert bearer is not None
        assert bearer.principal.id == grant
        assert tokens["scope"] == "planner executor"
        assert set(bearer.principal.profiles) == set(repo_ids(house, "one", "two"))

    async def test_an_approval_is_on_disk_when_it_is_answered(self, house: House) -> None:
        client = await OAuthClient(house.app).register()
        login = await begin(house, client)
        await house.authority.approve(house.authority.logins.wait(login), repo_ids(house, "one"), ["planner"])
        async with open_house(house.path, clock=house.clock) as again:
            assert await again.authority.logins.is_answered(login)
            assert "code=" in await again.authority.logins.finish(login)

    async def test_denying_is_told_to_the_client_and_holds(self, house: House) -> None:
        logins, login = house.authority.logins, await begin(house)
        code = logins.wait(login)
        await house.authority.deny(code)
        assert "error=access_denied" in await logins.finish(login)
        opened, _ = await logins.unlock(login, house.passphrases["one"])
        assert "error=access_denied" in await logins.allow(opened, choice(house, "one"))
        assert await house.rows("SELECT * FROM grants") == []
        with pytest.raises(Refusal):
            await house.authority.approve(code, repo_ids(house, "one"), ["planner"])

    async def test_a_login_for_one_repository_can_be_approved_for_no_other(self, house: House) -> None:
        login = await begin(house, resource=f"{LOCAL}/r/one/mcp")
        code = house.authority.logins.wait(login)
        for repos in (repo_ids(house, "two"), repo_ids(house, "one", "two")):
            with pytest.raises(Refusal) as caught:
                await house.authority.approve(code, repos, ["planner"])
            assert caught.value.code == "REPO_NOT_FOUND"
        await house.authority.approve(code, repo_ids(house, "one"), ["planner"])
        ((resource,),) = await house.rows("SELECT resource FROM grants")
        assert resource == house.repo("one").id

    async def test_what_names_nothing_is_refused(self, house: House) -> None:
        code = house.authority.logins.wait(await begin(house))
        for repos, profiles in (([], ["planner"]), (repo_ids(house, "one"), []), (repo_ids(house, "one"), ["root"])):
            with pytest.raises(Refusal) as caught:
                await house.authority.approve(code, repos, profiles)
            assert caught.value.code == "INVALID_ARGUMENT"
        assert house.authority.pending(code)

    async def test_ten_minutes_later_nothing_waits_under_the_code(self, house: House) -> None:
        login = await begin(house)
        code = house.authority.logins.wait(login)
        house.clock.move(VALID_S + 1)
        with pytest.raises(Refusal) as caught:
            house.authority.pending(code)
        assert caught.value.code == "APPROVAL_NOT_FOUND"
        assert len(house.authority.logins.waiting) == 0

    async def test_terminal_and_page_at_once_make_one_grant(self, house: House) -> None:
        logins = house.authority.logins
        login, _ = await logins.unlock(await begin(house), house.passphrases["one"])
        code = logins.wait(login)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(logins.allow, login, choice(house, "one"))
            with contextlib.suppress(Refusal):
                await house.authority.approve(code, repo_ids(house, "one", "two"), ["planner"])
        assert len(await house.rows("SELECT * FROM grants")) == 1


async def test_a_client_with_a_callback_of_its_own_is_asked_before_an_error_leads_there(house: House) -> None:
    url = "https://app.example/client.json"

    async def find(client_id: str) -> Client:
        return Client(url, "App", ("https://app.example/cb",))

    house.authority.logins._find_client = find
    client = OAuthClient(house.app, client_id=url, redirect_uri="https://app.example/cb")
    with pytest.raises(RedirectError) as caught:
        await begin(house, client, response_type="token")
    assert not caught.value.is_trusted
    login, _ = await house.authority.logins.unlock(await begin(house, client), house.passphrases["one"])
    await house.authority.logins.allow(login, choice(house, "one"))
    with pytest.raises(RedirectError) as caught:
        await begin(house, client, response_type="token")
    assert caught.value.is_trusted, "the owner has approved it once"


async def test_an_approved_client_logs_in_again_though_its_registration_is_old(house: House) -> None:
    client = await OAuthClient(house.app).register()
    await client.login(house.passphrases["one"])
    await house.rotate("one", drop=True)
    assert len(await house.rows("SELECT * FROM grants")) == 0
    house.clock.move(400 * 86_400)
    await house.authority.sweep()
    tokens = await client.login(house.passphrases["one"])
    assert house.authority.authenticate(tokens["access_token"]) is not None


async def test_an_approved_document_is_good_when_it_cannot_be_fetched_now(house: House) -> None:
    url = "https://app.example/client.json"
    house.authority._grants.keep_client(Client(url, "App", ("http://127.0.0.1/cb",)), 0)

    async def nobody(host: str) -> list[str]:
        raise OSError

    house.authority._documents._network = Network(resolve=nobody)
    found = await house.authority.find_client(url)
    assert found is not None
    assert found.name == "App"
