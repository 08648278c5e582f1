"""What the owner does with clients."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from rhd.errors import Refusal
from rhd.repos.registry import AgentRuns
from tests.support.http import Browser, OAuthClient, Page
from tests.support.oauth_service import LOCAL, OAuthService, open_oauth_service, repo_ids


async def connected(
    service: OAuthService, *slugs: str, name: str = "Test Client", **changes: str
) -> tuple[OAuthClient, str, str]:
    """Connect a client; return it, its access token and its refresh token."""
    client = await OAuthClient(service.app, name=name).register()
    tokens = await client.login(*(service.passphrases[slug] for slug in slugs), **changes)
    return client, tokens["access_token"], tokens["refresh_token"]


def held(service: OAuthService, token: str) -> dict[str, set[str]] | None:
    bearer = service.authority.authenticate(token)
    if bearer is None:
        return None
    return {service.registry.get(repo).slug: set(names) for repo, names in bearer.principal.profiles.items()}  # type: ignore[union-attr]


async def test_the_list_says_who_since_when_last_used_and_what(service: OAuthService) -> None:
    since = service.clock.now
    client, token, _ = await connected(service, "one", "two")
    service.clock.move(60)
    service.authority.authenticate(token)
    service.clock.move(60)
    await OAuthClient(service.app, client_id="https://chatgpt.com/oauth/codex/client.json").login(
        service.passphrases["two"]
    )
    first, second = service.authority.clients()
    assert (first.client_id, first.name, first.host) == (client.client_id, "Test Client", None)
    assert (first.since, first.used_at, first.resource) == (since, since + 60, "hub")
    assert dict(first.profiles) == dict.fromkeys(repo_ids(service, "one", "two"), frozenset({"planner"}))
    assert (second.name, second.host) == ("Codex", "chatgpt.com")
    assert [line.name for line in service.authority.clients(service.repo("one").id)] == ["Test Client"]


@pytest.mark.parametrize("by", ["grant", "client_id", "handle", "name", "NAME"])
async def test_a_client_is_named_by_any_of_its_names(service: OAuthService, by: str) -> None:
    client, token, _ = await connected(service, "one")
    bearer = service.authority.authenticate(token)
    assert bearer is not None
    handle = service.authority._grants.clients[client.client_id].client.handle
    names = {"client_id": client.client_id, "handle": handle, "name": "Test Client", "NAME": "test client"}
    await service.authority.widen(names.get(by, bearer.principal.id), service.repo("two").id, "executor")
    assert held(service, token) == {"one": {"planner"}, "two": {"executor"}}


async def test_a_name_that_no_client_has_is_refused(service: OAuthService) -> None:
    await connected(service, "one")
    one, authority = service.repo("one").id, service.authority
    for edit in (partial(authority.widen, "x", one, "executor"), partial(authority.revoke, "x", one)):
        with pytest.raises(Refusal) as caught:
            await edit()
        assert caught.value.code == "CLIENT_NOT_FOUND"


async def test_a_name_stands_for_every_grant_of_that_name_and_an_id_for_one(service: OAuthService) -> None:
    """A client that logs in twice, or that registers twice, leaves two grants of one name."""
    client, first, _ = await connected(service, "one")
    second = (await client.login(service.passphrases["one"]))["access_token"]
    _, third, _ = await connected(service, "one")
    tokens = (first, second, third)
    assert len(service.authority.clients()) == 3, "a login never ends another grant"
    widened = await service.authority.widen("test client", service.repo("one").id, "executor")
    assert {grant.id for grant in widened} == {grant.id for grant in service.authority.clients()}
    for token in tokens:
        assert held(service, token) == {"one": {"planner", "executor"}}
    bearer = service.authority.authenticate(first)
    assert bearer is not None
    (ended,) = await service.authority.revoke(bearer.principal.id)
    assert ended.id == bearer.principal.id
    assert [held(service, token) is None for token in tokens] == [True, False, False]
    assert len(await service.authority.revoke("Test Client")) == 2
    assert service.authority.clients() == []


async def test_orchestrator_acts_only_where_it_was_granted_after_agent_runs_were_enabled(
    service: OAuthService,
) -> None:
    _, token, _ = await connected(service, "one")
    one = service.repo("one").id
    await service.authority.widen("Test Client", one, "orchestrator")
    assert held(service, token) == {"one": {"planner"}}
    service.clock.move(10)
    runs = AgentRuns(("codex",), (), service.clock.now)
    await service.registry.start(one, "orchestrator", runs.to_options())
    assert held(service, token) == {"one": {"planner"}}, "it was granted before"
    service.clock.move(10)
    service.changes.clear()
    await service.authority.widen("Test Client", one, "orchestrator")
    assert held(service, token) == {"one": {"planner", "orchestrator"}}
    await service.registry.stop(one, "orchestrator")
    assert held(service, token) == {"one": {"planner"}}
    assert [change.is_ended for change in service.changes] == [False, False], "each change is told"
    (line,) = service.authority.clients()
    assert line.profiles[one] == {"planner", "orchestrator"}, "what was granted is still listed"


async def test_a_grant_that_is_not_used_for_90_days_ends(service: OAuthService) -> None:
    client, _, refresh = await connected(service, "one")
    await connected(service, "two")
    for _ in range(2):
        service.clock.move(50 * 86_400)
        refresh = (await client.refresh(refresh)).json()["refresh_token"]
        await service.authority.sweep()
    assert [line.client_id for line in service.authority.clients() if line.resource] == [client.client_id]
    rows = await service.audited("grant.end")
    assert [(row.client, row.target) for row in rows] == [("Test Client", "unused")]


async def test_widening_is_bounded_by_what_exists_and_by_the_resource(service: OAuthService) -> None:
    _, token, _ = await connected(service, "one", resource="http://127.0.0.1:8765/r/one/mcp")
    bearer = service.authority.authenticate(token)
    assert bearer is not None
    for repo, profile, code in (
        (service.repo("two").id, "planner", "NO_GRANT"),
        (service.repo("one").id, "root", "INVALID_ARGUMENT"),
        (type(service.repo("one").id).new(), "planner", "REPO_NOT_FOUND"),
    ):
        with pytest.raises(Refusal) as caught:
            await service.authority.widen(bearer.principal.id, repo, profile)
        assert caught.value.code == code
    await service.authority.widen(bearer.principal.id, service.repo("one").id, "executor")
    assert held(service, token) == {"one": {"planner", "executor"}}


async def test_revoking_a_repository_narrows_and_the_last_one_ends_the_grant(service: OAuthService) -> None:
    client, token, refresh = await connected(service, "one", "two")
    await service.authority.revoke("Test Client", service.repo("one").id)
    assert held(service, token) == {"two": {"planner"}}
    with pytest.raises(Refusal) as caught:
        await service.authority.revoke("Test Client", service.repo("one").id)
    assert caught.value.code == "NO_GRANT"
    await service.authority.revoke("Test Client", service.repo("two").id)
    assert held(service, token) is None
    assert (await client.refresh(refresh)).json()["error"] == "invalid_grant"
    assert [change.is_ended for change in service.changes] == [False, True]


async def test_revoking_a_client_ends_its_grants_and_forgets_it(service: OAuthService) -> None:
    client, token, refresh = await connected(service, "one")
    second = (await client.login(service.passphrases["two"]))["access_token"]
    await service.authority.revoke("Test Client")
    assert held(service, token) is held(service, second) is None
    assert service.authority.clients() == []
    assert await service.rows("SELECT id FROM clients") == []
    service.clock.move(2 * 86_400)
    assert (await client.refresh(refresh)).json()["error"] == "invalid_client", "so that it registers again"


async def test_revoking_one_of_two_grants_leaves_the_client(service: OAuthService) -> None:
    client, token, _ = await connected(service, "one")
    second = (await client.login(service.passphrases["two"]))["access_token"]
    bearer = service.authority.authenticate(token)
    assert bearer is not None
    await service.authority.revoke(bearer.principal.id)
    assert held(service, token) is None
    assert held(service, second) == {"two": {"planner"}}
    assert client.client_id in service.authority._grants.clients


async def test_dropping_takes_the_repository_out_of_every_grant_and_keeps_the_clients(service: OAuthService) -> None:
    _, both, _ = await connected(service, "one", "two", name="Both")
    _, one, _ = await connected(service, "one", name="One")
    _, two, _ = await connected(service, "two", name="Two")
    before = await service.rotate("one", drop=True)
    assert (held(service, both), held(service, one), held(service, two)) == (
        {"two": {"planner"}},
        None,
        {"two": {"planner"}},
    )
    assert {line.name: len(line.profiles) for line in service.authority.clients()} == {"Both": 1, "One": 0, "Two": 1}
    assert service.registry.by_passphrase(before) is None
    assert {change.is_ended for change in service.changes} == {True, False}


async def test_keeping_sessions_changes_the_passphrase_alone(service: OAuthService) -> None:
    _, token, _ = await connected(service, "one")
    before = await service.rotate("one", drop=False)
    assert held(service, token) == {"one": {"planner"}}
    assert service.changes == []
    assert service.registry.by_passphrase(before) is None
    assert service.registry.by_passphrase(service.passphrases["one"]) == service.repo("one")


@pytest.mark.parametrize("edit", ["widen", "narrow", "revoke one", "revoke", "drop", "keep", "none"])
async def test_what_the_owner_did_is_so_after_a_restart(service: OAuthService, edit: str) -> None:
    tokens = [
        (await connected(service, "one", "two", name="Both"))[1],
        (await connected(service, "one", name="One"))[1],
        (await connected(service, "two", name="Two"))[1],
    ]
    one = service.repo("one").id
    match edit:
        case "widen":
            await service.authority.widen("Two", one, "executor")
        case "narrow":
            await service.authority.revoke("Both", one)
        case "revoke one":
            await service.authority.revoke("One", one)
        case "revoke":
            await service.authority.revoke("Both")
        case "drop" | "keep":
            await service.rotate("one", drop=edit == "drop")
    now, lines = [held(service, token) for token in tokens], service.authority.clients()
    async with open_oauth_service(service.path, clock=service.clock) as again:
        assert [held(again, token) for token in tokens] == now
        assert [(line.id, line.profiles) for line in again.authority.clients()] == [
            (li.id, li.profiles) for li in lines
        ]


async def test_a_rotation_is_all_or_nothing(service: OAuthService, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token, _ = await connected(service, "one")

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("rhd.store.oauth_rows.delete_profiles", fail)
    with pytest.raises(OSError, match="full"):
        await service.authority.rotate(service.repo("one").id, drop=True)
    assert held(service, token) == {"one": {"planner"}}
    assert service.registry.by_passphrase(service.passphrases["one"]) == service.repo("one")
    async with open_oauth_service(service.path, clock=service.clock) as again:
        assert again.registry.by_passphrase(service.passphrases["one"]) is not None
        assert held(again, token) == {"one": {"planner"}}


async def test_everything_that_the_owner_does_is_audited(service: OAuthService) -> None:
    await connected(service, "one")
    await service.authority.widen("Test Client", service.repo("one").id, "executor")
    await service.rotate("two", drop=True)
    await service.authority.revoke("Test Client")
    rows = [(row.action, row.client, row.target) for row in await service.audited() if row.principal == "owner"]
    assert rows == [
        ("grant.widen", "Test Client", None),
        ("passphrase.rotate", None, "drop"),
        ("grant.end", "Test Client", "revoke"),
    ]


async def test_a_failed_write_leaves_everything_as_it_was(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token, refresh = await connected(service, "one")

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("the disk is full")

    for name in ("save_profile", "delete_client", "save_token"):
        monkeypatch.setattr(f"rhd.store.oauth_rows.{name}", fail)
    with pytest.raises(OSError, match="full"):
        await service.authority.widen("Test Client", service.repo("one").id, "executor")
    with pytest.raises(OSError, match="full"):
        await service.authority.revoke("Test Client")
    with pytest.raises(OSError, match="full"):
        await service.authority.tokens.refresh(refresh, client_id=service.authority.clients()[0].client_id)
    assert held(service, token) == {"one": {"planner"}}
    monkeypatch.undo()
    refreshed = await service.authority.tokens.refresh(refresh, client_id=service.authority.clients()[0].client_id)
    assert held(service, refreshed["access_token"]) == {"one": {"planner"}}


async def test_a_page_of_before_a_restart_goes_on_and_asks_for_the_passphrase_again(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    async with open_oauth_service(service.path, clock=service.clock) as again:
        browser.app = client.app = again.app
        page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        async with open_oauth_service(service.path, clock=service.clock) as third:
            browser.app = client.app = third.app
            page = Page(await browser.submit(page, "allow"))
            assert page.alert is not None
            assert "restarted" in page.alert
            page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
            code = client.read_answer(await browser.submit(page, "allow"))["code"]
            assert (await client.exchange(code)).status == 200


async def test_a_copy_of_the_database_forges_no_grant(service: OAuthService, tmp_path: Path) -> None:
    """It held the key that signs "this login has proven a passphrase"."""
    await service.audited()
    shutil.copy(service.path, tmp_path / "copy.db")
    shutil.copy(f"{service.path}-wal", tmp_path / "copy.db-wal")
    async with open_oauth_service(tmp_path / "copy.db", clock=service.clock) as thief:
        client = await OAuthClient(thief.app).register()
        browser = Browser(thief.app)
        page = Page(await browser.get(client.authorize_url()))
        # The thief knows the digest of the passphrase, and so the mark of an opened repository.
        login = thief.authority.logins.signer.verify(
            dict(page.fields)["login"], browser=next(iter(browser.cookies.values())), origin=LOCAL
        )
        page.fields = [("login", thief.authority.logins.signer.sign(login.with_opened([thief.repo("one")])))]
        page.fields += [("shown", thief.repo("one").id), ("repo", thief.repo("one").id)]
        page.fields += [("profile", f"{thief.repo('one').id}:planner")]
        browser.app = client.app = service.app
        answer = await browser.submit(page, "allow")
        assert answer.status == 403
        assert answer.header("location") is None
        assert await service.rows("SELECT * FROM grants") == []


async def test_forgetting_takes_a_repository_out_of_every_grant_and_ends_those_that_reached_it_alone(
    service: OAuthService,
) -> None:
    _, both, _ = await connected(service, "one", "two")
    _, alone, _ = await connected(service, "one")
    await service.authority.forget(service.repo("one").id)
    assert held(service, both) == {"two": {"planner"}}
    assert held(service, alone) is None
    async with open_oauth_service(service.path, clock=service.clock) as again:
        assert held(again, both) == {"two": {"planner"}}
        assert held(again, alone) is None
