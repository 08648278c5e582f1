"""What the owner does with clients."""

from __future__ import annotations

import pytest

from rhd.errors import Refusal
from tests.support.house import House, open_house, repo_ids
from tests.support.http import Browser, OAuthClient, Page


async def connected(
    house: House, *slugs: str, name: str = "Test Client", **changes: str
) -> tuple[OAuthClient, str, str]:
    """Connect a client; return it, its access token and its refresh token."""
    client = await OAuthClient(house.app, name=name).register()
    tokens = await client.login(*(house.passphrases[slug] for slug in slugs), **changes)
    return client, tokens["access_token"], tokens["refresh_token"]


def held(house: House, token: str) -> dict[str, set[str]] | None:
    bearer = house.authority.authenticate(token)
    if bearer is None:
        return None
    return {house.registry.get(repo).slug: set(names) for repo, names in bearer.principal.profiles.items()}  # type: ignore[union-attr]


async def test_the_list_says_who_since_when_last_used_and_what(house: House) -> None:
    since = house.clock.now
    client, token, _ = await connected(house, "one", "two")
    house.clock.move(60)
    house.authority.authenticate(token)
    house.clock.move(60)
    await OAuthClient(house.app, client_id="https://chatgpt.com/oauth/codex/client.json").login(
        house.passphrases["two"]
    )
    first, second = house.authority.clients()
    assert (first.client_id, first.name, first.host) == (client.client_id, "Test Client", None)
    assert (first.since, first.used_at, first.resource) == (since, since + 60, "hub")
    assert dict(first.profiles) == dict.fromkeys(repo_ids(house, "one", "two"), frozenset({"planner"}))
    assert (second.name, second.host) == ("Codex", "chatgpt.com")
    assert [line.name for line in house.authority.clients(house.repo("one").id)] == ["Test Client"]


@pytest.mark.parametrize("by", ["grant", "client_id", "handle", "name", "NAME"])
async def test_a_client_is_named_by_any_of_its_names(house: House, by: str) -> None:
    client, token, _ = await connected(house, "one")
    bearer = house.authority.authenticate(token)
    assert bearer is not None
    handle = house.authority._grants.clients[client.client_id].client.handle
    names = {"client_id": client.client_id, "handle": handle, "name": "Test Client", "NAME": "test client"}
    await house.authority.widen(names.get(by, bearer.principal.id), house.repo("two").id, "executor")
    assert held(house, token) == {"one": {"planner"}, "two": {"executor"}}


async def test_a_name_of_nobody_or_of_two_is_refused(house: House) -> None:
    _, first, _ = await connected(house, "one")
    await connected(house, "one")
    for client, code in (("nobody", "CLIENT_NOT_FOUND"), ("Test Client", "CLIENT_AMBIGUOUS")):
        for edit in (
            house.authority.widen(client, house.repo("one").id, "executor"),
            house.authority.revoke(client),
            house.authority.revoke(client, house.repo("one").id),
        ):
            with pytest.raises(Refusal) as caught:
                await edit
            assert caught.value.code == code
    assert held(house, first) == {"one": {"planner"}}


async def test_widening_is_bounded_by_what_exists_and_by_the_resource(house: House) -> None:
    _, token, _ = await connected(house, "one", resource="http://127.0.0.1:8765/r/one/mcp")
    bearer = house.authority.authenticate(token)
    assert bearer is not None
    for repo, profile, code in (
        (house.repo("two").id, "planner", "NO_GRANT"),
        (house.repo("one").id, "root", "INVALID_ARGUMENT"),
        (type(house.repo("one").id).new(), "planner", "REPO_NOT_FOUND"),
    ):
        with pytest.raises(Refusal) as caught:
            await house.authority.widen(bearer.principal.id, repo, profile)
        assert caught.value.code == code
    await house.authority.widen(bearer.principal.id, house.repo("one").id, "orchestrator")
    assert held(house, token) == {"one": {"planner", "orchestrator"}}


async def test_revoking_a_repository_narrows_and_the_last_one_ends_the_grant(house: House) -> None:
    client, token, refresh = await connected(house, "one", "two")
    await house.authority.revoke("Test Client", house.repo("one").id)
    assert held(house, token) == {"two": {"planner"}}
    with pytest.raises(Refusal) as caught:
        await house.authority.revoke("Test Client", house.repo("one").id)
    assert caught.value.code == "NO_GRANT"
    await house.authority.revoke("Test Client", house.repo("two").id)
    assert held(house, token) is None
    assert (await client.refresh(refresh)).json()["error"] == "invalid_grant"
    assert [change.is_ended for change in house.changes] == [False, True]


async def test_revoking_a_client_ends_its_grants_and_forgets_it(house: House) -> None:
    client, token, refresh = await connected(house, "one")
    second = (await client.login(house.passphrases["two"]))["access_token"]
    await house.authority.revoke("Test Client")
    assert held(house, token) is held(house, second) is None
    assert house.authority.clients() == []
    assert await house.rows("SELECT id FROM clients") == []
    house.clock.move(2 * 86_400)
    assert (await client.refresh(refresh)).json()["error"] == "invalid_client", "so that it registers again"


async def test_revoking_one_of_two_grants_leaves_the_client(house: House) -> None:
    client, token, _ = await connected(house, "one")
    second = (await client.login(house.passphrases["two"]))["access_token"]
    bearer = house.authority.authenticate(token)
    assert bearer is not None
    await house.authority.revoke(bearer.principal.id)
    assert held(house, token) is None
    assert held(house, second) == {"two": {"planner"}}
    assert client.client_id in house.authority._grants.clients


async def test_dropping_takes_the_repository_out_of_every_grant_and_keeps_the_clients(house: House) -> None:
    _, both, _ = await connected(house, "one", "two", name="Both")
    _, one, _ = await connected(house, "one", name="One")
    _, two, _ = await connected(house, "two", name="Two")
    before = await house.rotate("one", drop=True)
    assert (held(house, both), held(house, one), held(house, two)) == ({"two": {"planner"}}, None, {"two": {"planner"}})
    assert {line.name: len(line.profiles) for line in house.authority.clients()} == {"Both": 1, "One": 0, "Two": 1}
    assert house.registry.by_passphrase(before) is None
    assert {change.is_ended for change in house.changes} == {True, False}


async def test_keeping_sessions_changes_the_passphrase_alone(house: House) -> None:
    _, token, _ = await connected(house, "one")
    before = await house.rotate("one", drop=False)
    assert held(house, token) == {"one": {"planner"}}
    assert house.changes == []
    assert house.registry.by_passphrase(before) is None
    assert house.registry.by_passphrase(house.passphrases["one"]) == house.repo("one")


@pytest.mark.parametrize("edit", ["widen", "narrow", "revoke one", "revoke", "drop", "keep", "none"])
async def test_what_the_owner_did_is_so_after_a_restart(house: House, edit: str) -> None:
    tokens = [
        (await connected(house, "one", "two", name="Both"))[1],
        (await connected(house, "one", name="One"))[1],
        (await connected(house, "two", name="Two"))[1],
    ]
    one = house.repo("one").id
    match edit:
        case "widen":
            await house.authority.widen("Two", one, "executor")
        case "narrow":
            await house.authority.revoke("Both", one)
        case "revoke one":
            await house.authority.revoke("One", one)
        case "revoke":
            await house.authority.revoke("Both")
        case "drop" | "keep":
            await house.rotate("one", drop=edit == "drop")
    now, lines = [held(house, token) for token in tokens], house.authority.clients()
    async with open_house(house.path, clock=house.clock) as again:
        assert [held(again, token) for token in tokens] == now
        assert [(line.id, line.profiles) for line in again.authority.clients()] == [
            (li.id, li.profiles) for li in lines
        ]


async def test_a_rotation_is_all_or_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token, _ = await connected(house, "one")

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("rhd.store.oauth.delete_profiles", fail)
    with pytest.raises(OSError, match="full"):
        await house.authority.rotate(house.repo("one").id, drop=True)
    assert held(house, token) == {"one": {"planner"}}
    assert house.registry.by_passphrase(house.passphrases["one"]) == house.repo("one")
    async with open_house(house.path, clock=house.clock) as again:
        assert again.registry.by_passphrase(house.passphrases["one"]) is not None
        assert held(again, token) == {"one": {"planner"}}


async def test_everything_that_the_owner_does_is_audited(house: House) -> None:
    await connected(house, "one")
    await house.authority.widen("Test Client", house.repo("one").id, "executor")
    await house.rotate("two", drop=True)
    await house.authority.revoke("Test Client")
    rows = [(row.action, row.target, row.profile) for row in await house.audited() if row.principal == "owner"]
    assert rows == [
        ("grant.widen", "Test Client", "executor"),
        ("passphrase.rotate", "drop", None),
        ("grant.revoke", "Test Client", None),
    ]


async def test_a_failed_write_leaves_everything_as_it_was(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token, refresh = await connected(house, "one")

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("the disk is full")

    for name in ("save_profile", "delete_client", "save_token"):
        monkeypatch.setattr(f"rhd.store.oauth.{name}", fail)
    with pytest.raises(OSError, match="full"):
        await house.authority.widen("Test Client", house.repo("one").id, "executor")
    with pytest.raises(OSError, match="full"):
        await house.authority.revoke("Test Client")
    with pytest.raises(OSError, match="full"):
        await house.authority.tokens.refresh(refresh, client_id=house.authority.clients()[0].client_id)
    assert held(house, token) == {"one": {"planner"}}
    monkeypatch.undo()
    refreshed = await house.authority.tokens.refresh(refresh, client_id=house.authority.clients()[0].client_id)
    assert held(house, refreshed["access_token"]) == {"one": {"planner"}}


async def test_a_page_of_before_a_restart_is_answered_after_it(house: House) -> None:
    client = await OAuthClient(house.app).register()
    browser = Browser(house.app)
    page = Page(await browser.get(client.authorize_url()))
    async with open_house(house.path, clock=house.clock) as again:
        browser.app = client.app = again.app
        page = Page(await browser.submit(page, "open", passphrase=house.passphrases["one"]))
        async with open_house(house.path, clock=house.clock) as third:
            browser.app = client.app = third.app
            code = client.read_answer(await browser.submit(page, "allow"))["code"]
            assert (await client.exchange(code)).status == 200
