"""Attacks on servers of this kind that were made before, each by its name. The long ones are in tests/faults."""

from __future__ import annotations

import gzip
import json
import secrets
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from rhd.oauth.client_metadata import BUILT_IN
from rhd.oauth.fetching import Network
from rhd.settings import Settings
from rhd.web.routes import ROUTES
from tests.support.http import FORM, Browser, OAuthClient, Page, bearer, call
from tests.support.oauth_service import LOCAL, PUBLIC, OAuthService, open_oauth_service
from tests.support.waiting import until

EVIL = "https://evil.example"


async def connect(service: OAuthService, *slugs: str, **changes: str) -> tuple[OAuthClient, dict[str, str]]:
    client = await OAuthClient(service.app).register()
    tokens: dict[str, str] = await client.login(*(service.passphrases[slug] for slug in slugs), **changes)  # type: ignore[assignment]
    return client, tokens


# A local port that forgot to ask who calls.


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "0.0.0.0:8765", "[::]:8765", "0:8765"], ids=lambda h: f"CVE-2025-49596-{h}"
)
async def test_a_page_that_calls_the_address_of_every_interface_reaches_nothing(
    service: OAuthService, host: str
) -> None:
    for method, path in (("GET", "/health"), ("POST", "/mcp"), ("POST", "/token")):
        assert (await call(service.app, method, path, [("origin", EVIL)], host=host)).status == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2"], ids=lambda h: f"CVE-2026-23744-{h}")
def test_a_bind_that_others_reach_is_refused_without_a_public_name(host: str) -> None:
    with pytest.raises(Exception, match="reachable from other machines"):
        Settings.load(None, {}, {"host": host})


@pytest.mark.parametrize(
    "headers",
    [[], [("origin", EVIL)], [("x-forwarded-for", "127.0.0.1")]],
    ids=["CVE-2026-23744-none", "ollama-page", "ollama-loopback"],
)
async def test_loopback_is_no_trust(service: OAuthService, headers: list[tuple[str, str]]) -> None:
    assert (await call(service.app, "POST", "/mcp", headers, b"{}", host="localhost:8765")).status == 401


# DNS rebinding.

REBINDING = {
    "CVE-2025-66414-foreign": [("host", "evil.example")],
    "CVE-2025-66416-port": [("host", "127.0.0.1:9999")],
    "CVE-2025-66416-no-port": [("host", "127.0.0.1")],
    "CVE-2026-42559-trailing-dot": [("host", "localhost.:8765")],
    "CVE-2026-42559-suffix": [("host", "localhost.evil.example:8765")],
    "CVE-2026-42559-prefix": [("host", "evil-localhost:8765")],
    "CVE-2026-42559-ipv6": [("host", "[::2]:8765")],
    "CVE-2026-42559-userinfo": [("host", "localhost:8765@evil.example")],
    "CVE-2026-42559-absent": [],
    "CVE-2026-42559-empty": [("host", "")],
    "CVE-2026-42559-two": [("host", "127.0.0.1:8765"), ("host", "evil.example")],
    "CVE-2026-42559-two-alike": [("host", "127.0.0.1:8765"), ("host", "127.0.0.1:8765")],
    "py-sdk-2269-forwarded-host": [("host", "evil.example"), ("x-forwarded-host", "127.0.0.1:8765")],
    "py-sdk-2269-forwarded": [("host", "evil.example"), ("forwarded", "host=127.0.0.1:8765")],
}


@pytest.mark.parametrize("headers", REBINDING.values(), ids=REBINDING)
async def test_a_name_that_was_made_to_point_here_reaches_no_route(
    service: OAuthService, headers: list[tuple[str, str]]
) -> None:
    _, tokens = await connect(service, "one")
    for route in ROUTES:
        for method in (*route.methods, "OPTIONS"):
            path = route.path.replace("{slug}", "one")
            answer = await call(service.app, method, path, [*headers, bearer(tokens["access_token"])], b"{}", host=None)
            assert answer.status == 421
    assert (await call(service.app, "GET", "/nothing", headers, host=None)).status == 421
    assert service.endpoints.served == 0


# What is one client's is no other's.


@pytest.mark.parametrize(
    "thing", ["code", "refresh", "revoke", "login page", "waiting page"], ids=lambda t: f"CVE-2026-52869-{t}"
)
async def test_what_was_given_to_one_client_or_browser_is_worth_nothing_to_another(
    service: OAuthService, thing: str
) -> None:
    client, tokens = await connect(service, "one")
    thief = await OAuthClient(service.app, verifier=client.verifier).register()
    browser, other = Browser(service.app), Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    await other.get(thief.authorize_url())
    if thing == "code":
        opened = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        code = client.read_answer(await browser.submit(opened, "allow"))["code"]
        assert (await thief.exchange(code)).status == 400
        assert (await client.exchange(code)).status == 200
    elif thing == "refresh":
        assert (await thief.refresh(tokens["refresh_token"])).status == 400
        assert (await client.refresh(tokens["refresh_token"])).status == 200
    elif thing == "revoke":
        assert (await thief.revoke(tokens["refresh_token"])).status == 200
        assert (await client.refresh(tokens["refresh_token"])).status == 200
    elif thing == "login page":
        opened = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        assert (await other.submit(opened, "allow")).status == 400
        assert "code" in client.read_answer(await browser.submit(opened, "allow"))
    else:
        assert (await other.get(page.link("Approve in a terminal instead"))).status == 400


@pytest.mark.parametrize(
    "guess", ["", "0", "g_aaaaaaaaaa", "rha_" + "A" * 43, "rha_" + "0" * 43], ids=lambda g: f"CVE-2026-52870-{g[:8]}"
)
async def test_a_guessed_id_is_nobodys(service: OAuthService, guess: str) -> None:
    await connect(service, "one")
    assert service.authority.authenticate(guess) is None
    with pytest.raises(Exception, match="no login with that code"):
        service.authority.pending(guess)


@pytest.mark.parametrize("clients", [50], ids=["CVE-2026-25536"])
async def test_fifty_clients_at_once_get_their_own_answers(service: OAuthService, clients: int) -> None:
    repos = [await service.adopt(f"canary-{number}") for number in range(clients)]
    mixed: list[str] = []

    async def one(number: int) -> None:
        client, tokens = await connect(service, f"canary-{number}")
        for _ in range(5):
            answer = await client.mcp(tokens["access_token"])
            if set(answer.json()["profiles"]) != {repos[number].id}:
                mixed.append(answer.text)
            tokens = (await client.refresh(tokens["refresh_token"])).json()
            await trio.sleep(0)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                nursery.start_soon(one, number)
    assert mixed == []


@pytest.mark.parametrize("path", ["/mcp", "/r/one/mcp", "/token", "/", "/ws"], ids=lambda p: f"CVE-2026-59950-{p}")
async def test_a_websocket_is_refused_before_it_opens(service: OAuthService, path: str) -> None:
    _, tokens = await connect(service, "one")
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8765"), (b"authorization", f"Bearer {tokens['access_token']}".encode())]
    await service.app({"type": "websocket", "path": path, "raw_path": path.encode(), "headers": headers}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert service.endpoints.served == 0


@pytest.mark.parametrize("route", [r for r in ROUTES if r.handler == "mcp"], ids=lambda r: f"CVE-2026-32211-{r.path}")
async def test_no_endpoint_forgets_to_ask(service: OAuthService, route: Any) -> None:
    """The whole matrix is in test_dispatcher; this is the case by its name."""
    for method in (*route.methods, "PUT", "PATCH", "HEAD"):
        answer = await call(service.app, method, route.path.replace("{slug}", "one"), body=b"{}")
        assert answer.status == 401
        assert answer.header("www-authenticate")
    assert service.endpoints.served == 0


# Consent.


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", EVIL), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "same-site")],
        [("origin", EVIL)],
        [("origin", PUBLIC)],
        [("sec-fetch-site", "none")],
    ],
    ids=[
        "CVE-2026-27124-page",
        "CVE-2026-27124-null",
        "CVE-2026-27124-neighbour",
        "CVE-2026-27124-old-browser",
        "CVE-2026-27124-other-name",
        "CVE-2026-27124-typed",
    ],
)
async def test_a_form_that_another_site_sends_is_not_taken(
    service: OAuthService, headers: list[tuple[str, str]]
) -> None:
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    fields = [*page.fields, ("passphrase", service.passphrases["one"]), ("action", "open")]
    answer = await browser.post(fields, headers=headers)
    assert answer.status == 400
    assert service.repo("one").id not in answer.text


@pytest.mark.parametrize("lacking", ["cookie", "signature", "both"], ids=lambda w: f"CVE-2026-27124-no-{w}")
async def test_a_form_without_its_seal_and_cookie_is_not_taken(service: OAuthService, lacking: str) -> None:
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    if lacking in ("cookie", "both"):
        browser.cookies.clear()
    fields = [] if lacking in ("signature", "both") else page.fields
    answer = await browser.post([*fields, ("passphrase", service.passphrases["one"]), ("action", "open")])
    assert answer.status == 400


@pytest.mark.parametrize("prompt", ["none", "login", "", None], ids=lambda p: f"GHSA-6x8h-498w-gv8c-{p}")
async def test_whoever_was_allowed_before_is_asked_again(service: OAuthService, prompt: str | None) -> None:
    client, _ = await connect(service, "one")
    browser = Browser(service.app)
    for _ in range(2):
        answer = await browser.get(client.authorize_url(prompt=prompt))
        page = Page(answer)
        assert answer.status == 200
        assert 'name="passphrase"' in page.text
        page = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
        await browser.submit(page, "allow")


@pytest.mark.parametrize(
    "redirect",
    [
        f"{EVIL}/cb",
        "https://chatgpt.com/connector/oauth/x/../../../evil",
        "https://chatgpt.com@evil.example/connector/oauth/x",
        "javascript:alert(1)",
        "http://10.0.0.1/cb",
    ],
    ids=lambda r: f"GHSA-rww4-4w9c-7733-{r[:24]}",
)
async def test_nobody_registers_a_deputy_that_hands_codes_on(service: OAuthService, redirect: str) -> None:
    for uris in ([redirect], ["http://127.0.0.1/callback", redirect]):
        with pytest.raises(AssertionError, match="invalid_redirect_uri"):
            await OAuthClient(service.app).register(redirect_uris=uris)
    for client_id in BUILT_IN:
        answer = await Browser(service.app).get(
            OAuthClient(service.app, client_id=client_id, redirect_uri=redirect).authorize_url()
        )
        assert answer.status == 400
        assert answer.header("location") is None


@pytest.mark.parametrize(
    "resource",
    [f"{EVIL}/mcp", f"{LOCAL}/mcp/../r/one/mcp", f"{LOCAL}/r/one/mcp/x", "mcp"],
    ids=lambda r: f"GHSA-5h2m-4q8j-pqpj-{r[-14:]}",
)
async def test_a_resource_that_is_not_ours_gets_no_token(service: OAuthService, resource: str) -> None:
    client, tokens = await connect(service, "one")
    assert (
        client.read_answer(await Browser(service.app).get(client.authorize_url(resource=resource)))["error"]
        == "invalid_target"
    )
    assert (await client.refresh(tokens["refresh_token"], resource=resource)).json()["error"] == "invalid_target"


# Fetching what a stranger names.


@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/client.json",
        "https://metadata.internal:8080/x",
        "http://app.example/client.json",
        "https://app.example/client.json#x",
        "https://user:pw@app.example/client.json",
        "https://app.example/../client.json",
        "file:///etc/passwd",
        "gopher://app.example/x",
    ],
    ids=lambda url: f"CVE-2026-5323-{url[:32]}",
)
async def test_an_address_that_leads_inside_is_never_even_resolved(tmp_path: Any, client_id: str) -> None:
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async def connect_to(address: str) -> trio.abc.Stream:
        raise AssertionError("connected")

    async with open_oauth_service(tmp_path / "db", network=Network(resolve=resolve, connect=connect_to)) as service:
        answer = await Browser(service.app).get(OAuthClient(service.app, client_id=client_id).authorize_url())
        assert answer.status == 400
        assert answer.header("location") is None
        assert asked == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.1"],
    ids=lambda a: f"GHSA-vv7q-7jx5-f767-{a}",
)
async def test_a_name_that_resolves_inside_is_never_connected_to(tmp_path: Any, address: str) -> None:
    async def resolve(host: str) -> list[str]:
        return [address]

    async def connect_to(address: str) -> trio.abc.Stream:
        raise AssertionError("connected")

    async with open_oauth_service(tmp_path / "db", network=Network(resolve=resolve, connect=connect_to)) as service:
        client = OAuthClient(service.app, client_id="https://inside.example/client.json")
        assert (await Browser(service.app).get(client.authorize_url())).status == 400


# The protocol's own traps.


async def test_a_token_is_worth_nothing_at_another_resource__mcp_best_practice_wrong_audience(
    service: OAuthService,
) -> None:
    client, hub = await connect(service, "one", "two")
    _, one = await connect(service, "one", resource=f"{LOCAL}/r/one/mcp")
    assert (await client.mcp(hub["access_token"], "/r/one/mcp")).status == 401
    assert (await client.mcp(one["access_token"], "/r/two/mcp")).status == 401
    assert (await client.mcp(one["access_token"])).status == 401
    assert service.endpoints.served == 0


async def test_a_client_cannot_inflate_its_scope__mcp_best_practice(service: OAuthService) -> None:
    client, tokens = await connect(service, "one", scope="planner executor orchestrator admin *")
    assert tokens["scope"] == "planner", "who asks for everything has not said what it needs"
    answer = await client.refresh(tokens["refresh_token"], scope="planner executor orchestrator")
    assert answer.json()["scope"] == "planner"


@pytest.mark.parametrize("origin", [LOCAL, PUBLIC, "http://localhost:8765"], ids=lambda o: f"RFC-9207-{o}")
async def test_every_answer_says_who_gave_it_so_that_none_is_mixed_up(service: OAuthService, origin: str) -> None:
    client = await OAuthClient(service.app, origin=origin).register()
    browser = Browser(service.app, origin)
    page = Page(await browser.get(client.authorize_url()))
    refused = await browser.submit(page, "refuse")
    opened = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    allowed = await browser.submit(opened, "allow")
    wrong = await browser.get(client.authorize_url(response_type="token"))
    issuer = (await call(service.app, "GET", "/.well-known/oauth-authorization-server", host=client.host)).json()[
        "issuer"
    ]
    for answer in (refused, allowed, wrong):
        assert client.read_answer(answer)["iss"] == issuer == origin


async def test_a_loopback_redirect_is_named_and_warned_of__mcp_best_practice_impersonation(
    service: OAuthService,
) -> None:
    client = OAuthClient(service.app, client_id="https://chatgpt.com/oauth/codex/client.json")
    page = Page(await Browser(service.app).get(client.authorize_url()))
    assert "127.0.0.1:43999" in page.text
    assert "a program on this computer" in page.text


# What the predecessor could be made to do.

FORWARDED = [
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-original-host",
    "x-host",
    "forwarded",
    "x-forwarded-prefix",
    "x-rewrite-url",
    "x-original-url",
]


@pytest.mark.parametrize("name", FORWARDED, ids=lambda n: f"incumbent-{n}")
async def test_no_header_but_host_reaches_an_address_that_we_print(service: OAuthService, name: str) -> None:
    for path in (
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
        "/mcp",
        "/authorize",
    ):
        plain = await call(service.app, "GET", path)
        forged = await call(service.app, "GET", path, [(name, "evil.example"), (name, "host=evil.example;proto=ftp")])
        assert (plain.status, plain.headers, plain.body) == (forged.status, forged.headers, forged.body)


@pytest.mark.parametrize("origin", [EVIL, "null", "https://chatgpt.com.evil.example"], ids=lambda o: f"incumbent-{o}")
async def test_no_foreign_origin_is_echoed(service: OAuthService, origin: str) -> None:
    _, tokens = await connect(service, "one")
    for path, headers in (
        ("/mcp", [bearer(tokens["access_token"])]),
        ("/authorize", []),
        ("/health", []),
        ("/token", [FORM]),
    ):
        for method in ("GET", "POST", "OPTIONS"):
            answer = await call(service.app, method, path, [*headers, ("origin", origin)], b"{}")
            assert answer.header("access-control-allow-origin") in (None, "*")
            assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("tries", [200], ids=["incumbent-lock-out"])
async def test_wrong_passphrases_lock_nobody_out(
    service: OAuthService, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 3600)
    client = await OAuthClient(service.app).register()
    statuses: list[int] = []

    async def guess() -> None:
        browser = Browser(service.app)
        page = Page(await browser.get(client.authorize_url()))
        statuses.append((await browser.submit(page, "open", passphrase=secrets.token_urlsafe(24))).status)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(tries):
                nursery.start_soon(guess)
            await until(lambda: len(statuses) >= tries - 64, within_s=60)
            tokens = await client.login(service.passphrases["one"])
            assert (await client.mcp(tokens["access_token"])).status == 200
            nursery.cancel_scope.cancel()
    assert set(statuses) == {429}
    (row,) = await service.audited("login.wrong")
    assert row.count == tries


@pytest.mark.parametrize("count", [2000], ids=["incumbent-slot-exhaustion"])
async def test_registrations_of_strangers_take_no_place_of_anybody(service: OAuthService, count: int) -> None:
    mine = await OAuthClient(service.app).register()
    before = await service.rows("SELECT count(*) FROM clients")
    for _ in range(count):
        service.authority.registrations.register({"redirect_uris": ["http://127.0.0.1/cb"]})
    await OAuthClient(service.app).register()
    assert await service.rows("SELECT count(*) FROM clients") == before
    assert (await mine.login(service.passphrases["one"]))["access_token"]


@pytest.mark.parametrize("kind", ["guesses", "pages", "registrations"], ids=lambda k: f"incumbent-flood-of-{k}")
async def test_who_has_a_right_passphrase_waits_for_no_stranger(service: OAuthService, kind: str) -> None:
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    service.app._queue.next_at = trio.current_time() + 3600
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                if kind == "guesses":
                    nursery.start_soon(partial(browser.submit, page, "open", passphrase="wrong"))
                elif kind == "pages":
                    nursery.start_soon(browser.get, client.authorize_url())
                else:
                    nursery.start_soon(client.register)
            await trio.testing.wait_all_tasks_blocked()
            opened = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
            answer = await browser.submit(opened, "allow")
            assert "code" in client.read_answer(answer)
            nursery.cancel_scope.cancel()


# Slow and oversized.


@pytest.mark.parametrize("path", ["/token", "/register", "/revoke", "/authorize"], ids=lambda p: f"gzip-bomb-{p}")
async def test_a_compressed_body_is_not_unpacked(service: OAuthService, path: str) -> None:
    body = gzip.compress(b"a=" + b"x" * 10_000_000)
    headers = [FORM, ("content-encoding", "gzip"), ("content-length", str(len(body)))]
    assert (await call(service.app, "POST", path, headers, body)).status in (400, 413)


@pytest.mark.parametrize(
    "target",
    ["/authorize?" + "a=b&" * 5000, "/authorize?login=" + "x" * 30_000, "/mcp?" + "x" * 30_000],
    ids=["header-bomb-parameters", "header-bomb-login", "header-bomb-query"],
)
async def test_an_address_beyond_measure_is_an_error_and_no_more(service: OAuthService, target: str) -> None:
    answer = await call(service.app, "GET", target)
    assert answer.status in (400, 401)


# Time.


@pytest.mark.parametrize(
    "seconds",
    [86_400, -86_400, 8 * 3600, 3600, -3600],
    ids=["clock+1day", "clock-1day", "suspend-8h", "DST+1h", "DST-1h"],
)
async def test_a_login_and_a_connection_survive_the_clock(service: OAuthService, seconds: float) -> None:
    client, tokens = await connect(service, "one")
    service.clock.move(seconds)
    answer = await client.refresh(tokens["refresh_token"])
    assert answer.status == 200
    assert (await client.mcp(answer.json()["access_token"])).status == 200
    fresh = await (await OAuthClient(service.app).register()).login(service.passphrases["one"])
    service.clock.move(-seconds)
    assert (await client.refresh(answer.json()["refresh_token"])).status == 200
    assert fresh["expires_in"] == 86_400


async def test_nothing_of_a_request_is_in_a_refusal(service: OAuthService) -> None:
    canary = "canary" + secrets.token_hex(8)
    query = urlencode({"client_id": canary, "redirect_uri": f"https://{canary}.example/", "state": canary})
    answers = [
        await call(service.app, "GET", f"/authorize?{query}"),
        await call(service.app, "POST", "/token", [FORM], f"grant_type={canary}&client_id={canary}".encode()),
        await call(service.app, "POST", "/register", [], f'{{"redirect_uris": ["{canary}"]}}'.encode()),
        await call(service.app, "GET", f"/{canary}"),
        await call(service.app, "POST", "/mcp", [bearer(canary)]),
    ]
    for answer in answers:
        assert 400 <= answer.status < 500
        assert canary not in answer.text
        assert canary not in str(answer.headers)


UNENCODABLE = ["%ED%A0%80", "%FF", "%00", "%F0%9F"]
"""A lone surrogate, no UTF-8, a NUL, and half of a character, in a query or form."""


@pytest.mark.parametrize("bad", UNENCODABLE)
async def test_what_cannot_be_encoded_is_refused_and_logs_nothing(
    service: OAuthService, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    caplog.set_level("WARNING")
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    answers = [await browser.get(f"/authorize?login={bad}&wait={bad}")]
    for name in ("state", "client_id", "redirect_uri", "resource", "scope", "code_challenge", "response_type", "other"):
        answers.append(await browser.get(client.authorize_url(**{name: "BAD"}).replace("BAD", bad)))
    for name in ("login", "passphrase", "action", "repo", "profile", "shown"):
        body = urlencode([*page.fields, (name, "BAD")]).replace("BAD", bad)
        cookie = ("cookie", "; ".join(f"{k}={v}" for k, v in browser.cookies.items()))
        headers = [FORM, ("origin", "null"), ("sec-fetch-site", "same-origin"), cookie]
        answers.append(await call(service.app, "POST", "/authorize", headers, body.encode()))
    for name in (
        "grant_type",
        "code",
        "client_id",
        "code_verifier",
        "redirect_uri",
        "resource",
        "refresh_token",
        "token",
    ):
        for path in ("/token", "/revoke"):
            body = f"grant_type=refresh_token&client_id={client.client_id}&refresh_token=x&token=x&{name}={bad}"
            answers.append(await call(service.app, "POST", path, [FORM], body.encode()))
    assert {answer.status for answer in answers} <= {200, 303, 400, 401, 403}
    assert caplog.text == ""


@pytest.mark.parametrize(
    "metadata",
    [
        {"redirect_uris": ["http://127.0.0.1/\ud800"]},
        {"redirect_uris": ["http://127.0.0.1/cb"], "client_name": "\ud800"},
        {"redirect_uris": ["http://127.0.0.1/cb"], "scope": "\ud800", "\ud800": 1},
        ["\ud800"],
    ],
)
async def test_a_registration_that_cannot_be_encoded_is_refused_or_cleaned(
    service: OAuthService, caplog: pytest.LogCaptureFixture, metadata: object
) -> None:
    answer = await call(
        service.app, "POST", "/register", [("content-type", "application/json")], json.dumps(metadata).encode()
    )
    assert answer.status in (201, 400)
    if answer.status == 201:
        client = OAuthClient(service.app, client_id=answer.json()["client_id"], redirect_uri="http://127.0.0.1/cb")
        assert (await call(service.app, "GET", client.authorize_url())).status == 200
        assert "\ud800" not in answer.json()["client_name"]
    assert "Traceback" not in caplog.text
