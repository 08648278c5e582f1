"""The pages on which a person answers a login."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from rhd.oauth.client_metadata import BUILT_IN
from rhd.oauth.clients import Client
from rhd.settings import Settings
from tests.support.http import FORM, Browser, OAuthClient, Page, call
from tests.support.oauth_service import LOCAL, PUBLIC, OAuthService

CHATGPT = "https://chatgpt.com/oauth/client.json"


@pytest.fixture
async def client(service: OAuthService) -> OAuthClient:
    return await OAuthClient(service.app).register()


@pytest.fixture
def browser(service: OAuthService) -> Browser:
    return Browser(service.app)


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 0)


async def open_page(browser: Browser, client: OAuthClient, **changes: str | None) -> Page:
    page = Page(await browser.get(client.authorize_url(**changes)))
    assert page.answer.status == 200, page.text
    return page


async def test_the_page_says_who_asks_where_it_leads_and_what_is_wanted(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    page = await open_page(browser, client, scope="planner executor offline_access")
    for part in (
        "Connect Test Client?",
        "this name is not verified",
        "127.0.0.1:43999",
        "the repositories you choose",
        "as planner, executor",
    ):
        assert part in page.text
    assert "only if <em>you</em> just started this login" in page.text
    for secret in ("one", "two", service.repo("one").id, "offline_access"):
        assert (
            secret not in re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", "", page.text, flags=re.S).split()
        )


async def test_a_hosted_client_is_told_by_the_host_that_describes_it(service: OAuthService, browser: Browser) -> None:
    client = OAuthClient(service.app, client_id=CHATGPT, redirect_uri=BUILT_IN[CHATGPT].redirect_uris[0])
    page = await open_page(browser, client)
    assert "identified by chatgpt.com" in page.text
    assert "not verified" not in page.text
    assert "just started" not in page.text


async def test_a_program_that_says_it_is_a_known_one_is_not_believed(service: OAuthService, browser: Browser) -> None:
    client = OAuthClient(service.app, client_id="https://claude.ai/oauth/claude-code-client-metadata")
    page = await open_page(browser, client)
    assert "any program on your computer can" in page.text
    assert "just started" in page.text


async def test_a_wrong_passphrase_leaves_everything_in_place_and_the_right_one_goes_on(
    service: OAuthService, client: OAuthClient, browser: Browser, no_delay: None
) -> None:
    page = await open_page(browser, client)
    wrong = Page(await browser.submit(page, "open", passphrase="not-it"))
    assert wrong.answer.status == 403
    assert wrong.alert is not None
    assert "is not right for this login" in wrong.alert
    assert 'aria-invalid="true"' in wrong.text
    assert "not-it" not in wrong.text, "what was typed is never sent back"
    right = Page(await browser.submit(wrong, "open", passphrase=service.passphrases["one"]))
    assert right.alert is None
    answer = client.read_answer(await browser.submit(right, "allow"))
    assert set(answer) == {"code", "state", "iss"}


async def test_opened_repositories_are_shown_and_only_those(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    page = await open_page(browser, client, scope="planner executor")
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    one, two = service.repo("one").id, service.repo("two").id
    assert two not in page.text
    assert ("repo", one) in page.fields
    assert ("profile", f"{one}:planner") in page.fields
    assert ("profile", f"{one}:executor") in page.fields


def offered(page: Page, repo_id: str) -> list[str]:
    """Return the profiles that a page shows for a repository."""
    return re.findall(rf'name="profile" value="{repo_id}:(\w+)"', page.text)


async def test_a_page_offers_what_was_asked_for_and_what_is_started(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    one = service.repo("one").id
    for scope, is_started, shown in (
        ("planner", False, ["planner"]),
        ("", False, ["planner"]),
        ("planner executor", False, ["planner", "executor"]),
        ("planner", True, ["planner", "executor"]),
        ("planner orchestrator", True, ["planner", "executor"]),
    ):
        if is_started:
            await service.registry.start(one, "executor", {})
        page = await open_page(browser, client, scope=scope)
        page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        assert offered(page, one) == shown, scope


async def test_who_asks_for_everything_is_offered_it_with_planner_ticked_alone(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    await service.enable_runs("one")
    page = await open_page(browser, client, scope="planner executor orchestrator offline_access")
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    one = service.repo("one").id
    assert offered(page, one) == ["planner", "executor", "orchestrator"]
    assert [value for name, value in page.fields if name == "profile"] == [f"{one}:planner"]


async def test_orchestrator_is_offered_only_where_agent_runs_are_enabled_and_never_ticked(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    one, two = service.repo("one").id, service.repo("two").id
    await service.enable_runs("one")
    page = await open_page(browser, client, scope="planner orchestrator")
    words = f"{service.passphrases['one']} {service.passphrases['two']}"
    page = Page(await browser.submit(page, "open", passphrase=words))
    assert offered(page, one) == ["planner", "orchestrator"]
    assert offered(page, two) == ["planner"]
    assert ("profile", f"{one}:orchestrator") not in page.fields, "a person ticks it or it is not granted"
    assert f'value="{one}:orchestrator" aria-describedby="danger-{one}"' in page.text
    assert "The agent runs as you" in page.text
    answer = await browser.submit(page, "allow", tick=[("profile", f"{two}:orchestrator")])
    tokens = (await client.exchange(client.read_answer(answer)["code"])).json()
    assert tokens["scope"] == "planner", "a form cannot grant what its page did not offer"


async def test_the_owner_unticks_repositories_and_ticks_profiles(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    for slug in ("one", "two"):
        await service.enable_runs(slug)
        await service.registry.start(service.repo(slug).id, "executor", {})
    page = await open_page(browser, client)
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["two"]))
    one, two = service.repo("one").id, service.repo("two").id
    answer = await browser.submit(
        page, "allow", untick=[("repo", one)], tick=[("profile", f"{two}:orchestrator"), ("profile", f"{one}:executor")]
    )
    tokens = (await client.exchange(client.read_answer(answer)["code"])).json()
    assert tokens["scope"] == "planner orchestrator"
    assert (await client.mcp(tokens["access_token"])).json()["profiles"] == {two: ["orchestrator", "planner"]}


async def test_ticks_stay_while_another_repository_is_added(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    one, two = service.repo("one").id, service.repo("two").id
    page = await open_page(browser, client, scope="planner executor")
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    planner, executor = ("profile", f"{one}:planner"), ("profile", f"{one}:executor")
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["two"], untick=[planner]))
    assert planner not in page.fields
    assert executor in page.fields
    assert ("profile", f"{two}:planner") in page.fields


async def test_a_passphrase_that_was_typed_is_never_passed_over(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    page = await open_page(browser, client)
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    page = Page(await browser.submit(page, "allow", passphrase=service.passphrases["two"]))
    assert page.answer.status == 200, "it is opened and shown first"
    assert ("repo", service.repo("two").id) in page.fields


async def test_nothing_ticked_or_typed_is_said(service: OAuthService, client: OAuthClient, browser: Browser) -> None:
    page = await open_page(browser, client)
    empty = Page(await browser.submit(page, "open"))
    assert empty.alert == "Enter a passphrase first."
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    none = Page(await browser.submit(page, "allow", untick=page.fields[2:]))
    assert none.alert is not None
    assert none.alert.startswith("Choose at least one")
    assert await service.rows("SELECT * FROM grants") == []


async def test_a_repositorys_page_asks_for_its_passphrase_alone(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    page = await open_page(browser, client, resource=f"{LOCAL}/r/one/mcp")
    assert "Passphrase for one" in page.text
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    assert 'name="passphrase"' not in page.text
    tokens = (await client.exchange(client.read_answer(await browser.submit(page, "allow"))["code"])).json()
    assert (await client.mcp(tokens["access_token"], "/r/one/mcp")).status == 200
    assert (await client.mcp(tokens["access_token"])).status == 401


async def test_refusing_tells_the_client(service: OAuthService, client: OAuthClient, browser: Browser) -> None:
    page = await open_page(browser, client)
    answer = client.read_answer(await browser.submit(page, "refuse"))
    assert answer["error"] == "access_denied"
    assert await service.rows("SELECT * FROM logins") == []


class TestTerminal:
    async def test_the_page_shows_a_code_and_goes_on_by_itself(
        self, service: OAuthService, client: OAuthClient, browser: Browser
    ) -> None:
        page = await open_page(browser, client)
        waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
        login = service.authority.pending(waiting.code)
        assert (login.client.name, login.redirect_uri, login.resource) == ("Test Client", client.redirect_uri, "hub")
        answers = []

        async def go_on() -> None:
            answers.append(await browser.get(waiting.refresh))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(go_on)
                await trio.testing.wait_all_tasks_blocked()
                await service.authority.approve(waiting.code.upper(), [service.repo("two").id], ["planner"])
        tokens = (await client.exchange(client.read_answer(answers[0])["code"])).json()
        assert (await client.mcp(tokens["access_token"])).json()["profiles"] == {service.repo("two").id: ["planner"]}

    async def test_denied_in_the_terminal_is_told_to_the_client(
        self, service: OAuthService, client: OAuthClient, browser: Browser
    ) -> None:
        page = await open_page(browser, client)
        waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
        await service.authority.deny(waiting.code)
        assert client.read_answer(await browser.get(waiting.refresh))["error"] == "access_denied"

    async def test_a_page_that_nobody_answers_shows_the_same_code_again(
        self, service: OAuthService, client: OAuthClient, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rhd.oauth.approvals.HELD_S", 0)
        page = await open_page(browser, client)
        waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
        again = Page(await browser.get(waiting.refresh))
        assert again.code == waiting.code
        back = Page(await browser.get(again.link("Use a passphrase instead")))
        assert 'id="passphrase"' in back.text

    async def test_only_the_browser_that_began_goes_on(
        self, service: OAuthService, client: OAuthClient, browser: Browser
    ) -> None:
        page = await open_page(browser, client)
        waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
        await service.authority.approve(waiting.code, [service.repo("one").id], ["planner"])
        for thief in (Browser(service.app), await _visited(service, client)):
            answer = await thief.get(waiting.refresh)
            assert answer.status == 400
            assert "another browser" in answer.text
        assert "code" in client.read_answer(await browser.get(waiting.refresh))

    async def test_a_flood_of_waiting_strangers_does_not_keep_the_owners_login_out(
        self, service: OAuthService, client: OAuthClient, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rhd.oauth.approvals.MAX_LOGINS", 20)
        monkeypatch.setattr("rhd.oauth.approvals.HELD_S", 0)
        page = await open_page(browser, client)
        waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
        stranger = Browser(service.app)
        for _ in range(30):
            await stranger.get((await open_page(stranger, client)).link("Approve in a terminal instead"))
        with pytest.raises(Exception, match="no login with that code"):
            service.authority.pending(waiting.code)
        assert Page(await browser.get(waiting.refresh)).code == waiting.code, "the page that is open comes back"
        assert service.authority.pending(waiting.code)
        assert len(service.authority.logins.waiting) == 20


async def _visited(service: OAuthService, client: OAuthClient) -> Browser:
    browser = Browser(service.app)
    await open_page(browser, client)
    return browser


async def test_every_page_is_locked_down(service: OAuthService, client: OAuthClient, browser: Browser) -> None:
    page = await open_page(browser, client)
    for answer in (page.answer, await browser.get("/authorize"), await browser.submit(page, "refuse")):
        assert answer.header("cache-control") == "no-store"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("access-control-allow-origin") is None
    policy = page.answer.header("content-security-policy") or ""
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "form-action" not in rules, "browsers apply it to the client's own redirects"
    assert page.answer.header("cross-origin-opener-policy") is None, "it cuts a popup from the client that opened it"
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", page.text, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert rules["style-src"] == f"'sha256-{digest}'"
    script = re.search(r"<script>(.*?)</script>", page.text, re.S)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'", "no script but ours"
    assert re.search(r"\son\w+=|\sstyle=|https?://", page.text) is None, "nothing from elsewhere"


async def test_the_cookie_is_the_browsers_alone(service: OAuthService, client: OAuthClient) -> None:
    local = (await Browser(service.app).get(client.authorize_url())).header("set-cookie") or ""
    assert local.startswith("rh_browser=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/authorize"} <= set(local.split("; "))
    public = (await Browser(service.app, PUBLIC).get(client.authorize_url())).header("set-cookie") or ""
    assert public.startswith("__Host-rh_browser=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(public.split("; "))


async def test_two_logins_in_two_tabs_do_not_disturb_each_other(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    other = await OAuthClient(service.app).register()
    pages = [await open_page(browser, client), await open_page(browser, other)]
    for page, who in zip(pages, (client, other), strict=True):
        page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        assert "code" in who.read_answer(await browser.submit(page, "allow"))


async def test_a_login_of_more_than_ten_minutes_ago_is_over(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    page = await open_page(browser, client)
    service.clock.move(601)
    expired = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    assert expired.answer.status == 400
    assert expired.alert is not None
    assert expired.alert.startswith("This login was started more than ten minutes ago. Start the login again in Test")
    (back,) = re.findall(r'href="(http[^"]+)"', expired.text)
    assert back.startswith(client.redirect_uri)
    assert "error=access_denied" in back
    assert "Go back to Test Client" in expired.text


async def test_an_issuer_is_the_origin_that_the_login_began_at(service: OAuthService) -> None:
    client = await OAuthClient(service.app, origin=PUBLIC).register()
    browser = Browser(service.app, PUBLIC)
    page = await open_page(browser, client, resource="http://localhost:8765/mcp")
    page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    assert client.read_answer(await browser.submit(page, "allow"))["iss"] == PUBLIC


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\u202eTPGtahC", "TPGtahC"),
        ("Chat\u200bGPT", "ChatGPT"),
        ("\u200b\u3164\u2800 ", "unnamed client"),
        ('" autofocus onfocus="x', "&#34; autofocus onfocus=&#34;x"),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
        ("\x1b[31mred", "[31mred"),
    ],
)
async def test_a_clients_name_is_shown_and_does_nothing(
    service: OAuthService, browser: Browser, name: str, shown: str
) -> None:
    client = await OAuthClient(service.app, name=name).register()
    page = await open_page(browser, client)
    assert f"<h1>Connect {shown}?</h1>" in page.text
    assert page.text.count("<script") == 1, "our own"


async def test_what_goes_to_a_client_nobody_vouches_for_is_a_link_and_no_redirect(
    service: OAuthService, browser: Browser
) -> None:
    async def find(client_id: str) -> Client:
        return Client("https://app.example/c", "App", ("https://app.example/cb",))

    service.authority.logins._find_client = find
    client = OAuthClient(service.app, client_id="https://app.example/c", redirect_uri="https://app.example/cb")
    page = Page(await browser.get(client.authorize_url(response_type="token")))
    assert page.answer.status == 400
    target = urlsplit(page.link("Go back to app.example"))
    assert parse_qs(target.query)["error"] == ["unsupported_response_type"]


async def test_an_error_of_a_client_on_this_machine_is_a_redirect(client: OAuthClient, browser: Browser) -> None:
    answer = await browser.get(client.authorize_url(code_challenge=None))
    assert client.read_answer(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([FORM], b"", 400),
        ([FORM], b"login=x", 400),
        ([FORM], b"%ff%fe=%00", 400),
        ([("content-type", "application/json")], b"{}", 400),
        ([("content-type", "multipart/form-data; boundary=x")], b"--x\r\n", 400),
        ([], b"", 400),
    ],
)
async def test_whatever_is_sent_gets_a_page_and_no_trace(
    service: OAuthService, headers: list[tuple[str, str]], body: bytes, status: int
) -> None:
    length = [("content-length", str(len(body)))]
    answer = await call(service.app, "POST", "/authorize", [*headers, *length], body)
    assert answer.status == status
    assert "Traceback" not in answer.text
    assert (answer.header("content-type") or "").startswith("text/html")
    assert answer.header("content-security-policy")


async def test_a_failure_inside_is_a_page_without_a_trace(
    service: OAuthService, client: OAuthClient, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError("secret-in-an-exception")

    service.authority.logins.begin = fail
    page = Page(await browser.get(client.authorize_url()))
    assert page.answer.status == 500
    assert page.alert == "This page cannot answer that request. Start the login again in the app."
    assert "secret-in-an-exception" in caplog.text


async def test_a_passphrase_is_in_no_answer_and_no_log(
    service: OAuthService, client: OAuthClient, browser: Browser, caplog: pytest.LogCaptureFixture, no_delay: None
) -> None:
    caplog.set_level("DEBUG")
    page = await open_page(browser, client)
    answers = [await browser.submit(page, "open", passphrase=f"{service.passphrases['one']} canary-wrong-one")]
    answers.append(await browser.submit(Page(answers[0]), "allow"))
    for text in (*(a.text for a in answers), caplog.text, str([a.headers for a in answers])):
        assert service.passphrases["one"] not in text
        assert "canary-wrong-one" not in text
    assert "canary" not in str(await service.audited())


def test_quart_is_imported_when_the_first_person_comes() -> None:
    script = (
        "import sys; import rhd.web.dispatcher; found = {m.partition('.')[0] for m in sys.modules}; "
        "print(sorted(found & {'quart', 'quart_trio', 'jinja2', 'werkzeug', 'mcp'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"


async def test_a_page_that_is_refused_again_and_again_is_one_row_and_erases_none(
    service: OAuthService, client: OAuthClient, browser: Browser
) -> None:
    """100,200 times took every older row's place."""
    await client.login(service.passphrases["one"])
    before = await service.audited()
    page = await open_page(browser, client)
    for _ in range(300):
        assert (await browser.submit(page, "refuse")).status == 303
    after = await service.audited()
    assert {row.action for row in before} <= {row.action for row in after}
    assert [(row.count, row.client) for row in after if row.action == "login.refuse"] == [(300, "Test Client")]


async def test_settings_that_are_read_again_are_in_force_at_once(service: OAuthService) -> None:
    app = OAuthClient(service.app, redirect_uri="https://app.example/callback", name="App")
    with pytest.raises(AssertionError, match="invalid_redirect_uri"):
        await app.register()
    settings = Settings.load(None, {}, {"further_redirects": [app.redirect_uri], "loopback_token_s": 7200})
    service.authority.take_over(settings)
    await app.register()
    assert (await app.login(service.passphrases["one"]))["expires_in"] == 3600
    local = await OAuthClient(service.app).register()
    assert (await local.login(service.passphrases["one"]))["expires_in"] == 7200
    service.authority.take_over(Settings.load(None, {}, {}))
    with pytest.raises(AssertionError, match="invalid_redirect_uri"):
        await app.register()


async def test_commands_name_the_home_on_this_machine_s_own_origins_alone(
    service: OAuthService, browser: Browser, client: OAuthClient
) -> None:
    service.app._pages._rhctl = "rhctl --home /srv/rh"
    page = await open_page(browser, client)
    assert "<code>rhctl --home /srv/rh passphrase show</code>" in page.text
    waiting = Page(await browser.get(page.link("Approve in a terminal instead")))
    assert f"rhctl --home /srv/rh approve <b>{waiting.code}</b>" in waiting.text
    elsewhere = await OAuthClient(service.app, origin=PUBLIC).register()
    page = await open_page(Browser(service.app, PUBLIC), elsewhere)
    assert "<code>rhctl passphrase show</code>" in page.text
