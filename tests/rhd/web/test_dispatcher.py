"""Every route, with every kind of token, method, page and host; and what is no route."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import product

import pytest
import trio

from rhd.web.dispatcher import MAX_MCP_BYTES
from rhd.web.origins import Origins
from rhd.web.routes import ROUTES, Route
from tests.rhd.web.test_routes import not_routes
from tests.support.http import FORM, Answer, Browser, OAuthClient, Page, bearer, call
from tests.support.oauth_service import LOCAL, PORT, PUBLIC, OAuthService

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
PAGES = (None, LOCAL, PUBLIC, "https://chatgpt.com", "https://claude.ai", "https://evil.example", "null", "")
HOSTS = ("127.0.0.1:8765", "localhost:8765", "rh.example.com", "evil.example", "127.0.0.1:8765.evil.example", None)
GOOD_HOSTS = HOSTS[:3]
GOOD_PAGES = PAGES[:5]
TOKENS = ("none", "garbage", "basic", "refresh", "expired", "revoked", "wrong audience", "good")


async def make_tokens(service: OAuthService) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return the Authorization headers by kind of token and route."""
    client = await OAuthClient(service.app).register()

    async def login(path: str) -> dict[str, str]:
        return await client.login(service.passphrases["one"], resource=LOCAL + path)  # type: ignore[return-value]

    out: dict[tuple[str, str], list[tuple[str, str]]] = {}
    others = {"/mcp": "/r/one/mcp", "/r/{slug}/mcp": "/mcp"}
    for path in others:
        out[path, "expired"] = [bearer((await login(path.replace("{slug}", "one")))["access_token"])]
    service.clock.move(86_400)
    for path, other in others.items():
        own = path.replace("{slug}", "one")
        revoked, good, wrong = await login(own), await login(own), await login(other)
        await client.revoke(revoked["refresh_token"])
        out[path, "revoked"] = [bearer(revoked["access_token"])]
        out[path, "wrong audience"] = [bearer(wrong["access_token"])]
        out[path, "refresh"] = [bearer(good["refresh_token"])]
        out[path, "good"] = [bearer(good["access_token"])]
    for route in ROUTES:
        for kind in TOKENS:
            like = route.path.rstrip("/") if route.handler == "mcp" else "/mcp"
            out.setdefault((route.path, kind), out.get((like, kind), []))
        out[route.path, "garbage"] = [bearer("rha_" + "x" * 43)]
        out[route.path, "basic"] = [("authorization", "Basic dXNlcjpwYXNz")]
    return out


async def test_every_route_token_method_page_and_host(service: OAuthService) -> None:
    tokens = await make_tokens(service)
    for route, kind, method, page, host in product(ROUTES, TOKENS, METHODS, PAGES, HOSTS):
        if route.handler != "mcp" and kind not in ("none", "good"):
            continue  # a token means nothing there
        served = service.endpoints.served
        headers = [*tokens[route.path, kind], *([] if page is None else [("origin", page)])]
        answer = await call(service.app, method, route.path.replace("{slug}", "one"), headers, b"{}", host=host)
        expected = expect(route, kind, method, page, host)
        assert answer.status == expected, (route.path, kind, method, page, host, answer)
        assert service.endpoints.served - served == (route.handler == "mcp" and expected == 200), "served unasked"
        check_readable(route, method, page, answer)


def expect(route: Route, kind: str, method: str, page: str | None, host: str | None) -> int:
    """What is decided, in the order in which it is: Host, token, Origin, method."""
    if host not in GOOD_HOSTS:
        return 421
    if method == "OPTIONS":
        return 204
    if route.handler == "mcp":
        if kind != "good":
            return 401
        if page not in GOOD_PAGES:
            return 403
        return 200 if method in route.methods else 405
    if method not in route.methods:
        return 405
    # A GET or POST of nothing in particular to these is refused by what they ask for.
    return {"authorize": 400, "token": 400, "revoke": 400, "register": 400}.get(route.handler, 200)


def check_readable(route: Route, method: str, page: str | None, answer: Answer) -> None:
    allowed = answer.header("access-control-allow-origin")
    if answer.status == 421:
        assert allowed is None
    elif route.is_cross_origin:
        assert allowed == "*"
    elif route.handler == "mcp" and page in GOOD_PAGES[1:]:
        assert allowed == page
        assert answer.header("vary") == "Origin"
    else:
        assert allowed is None, "a page that may not call reads nothing"
    assert answer.header("access-control-allow-credentials") is None
    if method == "HEAD":
        assert answer.body == b""
    elif answer.status not in (204,) and route.handler != "authorize":
        answer.json()
    if answer.status == 405:
        assert answer.header("allow") == ", ".join((*route.methods, "OPTIONS"))


async def test_a_thousand_paths_that_are_no_routes_are_not_found_with_any_token(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    for number, path in enumerate(not_routes()):
        answer = await call(service.app, METHODS[number % 7], path, [bearer(token)], b"{}")
        assert answer.status == 404, (path, answer)
        if METHODS[number % 7] != "HEAD":
            assert answer.json()["error"] == "not_found"
    assert service.endpoints.served == 0


@pytest.mark.parametrize(
    "spelling", ["/%6dcp", "/mcp%2f", "/r/%6fne/mcp", "/r%2fone%2fmcp", "/r/one/../one/mcp", "/%74oken"]
)
async def test_a_route_has_one_spelling(service: OAuthService, spelling: str) -> None:
    assert (await call(service.app, "POST", spelling)).status == 404


async def test_a_repository_that_exists_and_one_that_does_not_answer_alike(service: OAuthService) -> None:
    """To the byte, but for the name that was asked for; with no token and with any wrong one."""
    client = await OAuthClient(service.app).register()
    hub = (await client.login(service.passphrases["one"]))["access_token"]
    two = (await client.login(service.passphrases["two"], resource=f"{LOCAL}/r/two/mcp"))["access_token"]
    prefix = "/.well-known/oauth-protected-resource"
    for token, method, path in product((None, "rha_" + "x" * 43, hub, two), METHODS, ("", prefix)):
        headers = [] if token is None else [bearer(token)]
        known = await call(service.app, method, f"{path}/r/one/mcp", headers, b"{}")
        unknown = await call(service.app, method, f"{path}/r/xyz/mcp", headers, b"{}")
        assert known.status == unknown.status
        assert [(k, v.replace("one", "xyz")) for k, v in known.headers] == unknown.headers
        assert known.body.replace(b"one", b"xyz") == unknown.body
    known, unknown = [
        (await call(service.app, "GET", client.authorize_url(resource=f"{LOCAL}/r/{slug}/mcp"))).text
        for slug in ("one", "xyz")
    ]
    assert "Passphrase for one" in known
    assert "Passphrase for xyz" in unknown


async def test_a_forgotten_repository_answers_like_an_unknown_one(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["two"], resource=f"{LOCAL}/r/two/mcp"))["access_token"]
    assert (await client.mcp(token, "/r/two/mcp")).status == 200
    await service.registry.forget(service.repo("two").id)
    forgotten, unknown = [await client.mcp(token, path) for path in ("/r/two/mcp", "/r/xyz/mcp")]
    assert forgotten.status == unknown.status == 401
    assert forgotten.body == unknown.body


async def test_an_endpoint_is_told_who_asks_and_under_which_name(service: OAuthService) -> None:
    client = await OAuthClient(service.app, origin=PUBLIC).register()
    await service.registry.start(service.repo("one").id, "executor", {})
    token = (await client.login(service.passphrases["one"], tick=[("profile", f"{service.repo('one').id}:executor")]))[
        "access_token"
    ]
    answer = (await client.mcp(token)).json()
    assert (answer["resource"], answer["scopes"], answer["origin"]) == ("hub", ["planner", "executor"], PUBLIC)
    local = await call(service.app, "POST", "/mcp", [bearer(token)], b"{}")
    assert local.json()["origin"] == LOCAL, "a token is bound to the resource, not to its address"


async def test_a_scheme_is_read_without_case_and_a_second_header_voids_both(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    assert (await call(service.app, "POST", "/mcp", [("authorization", f"bEARER {token}")], b"{}")).status == 200
    for headers in (
        [bearer(token), bearer(token)],
        [("authorization", token)],
        [("authorization", f"Bearer{token}")],
        [("authorization", "Bearer")],
        [("authorization", f"Bearer {token}, Bearer {token}")],
    ):
        assert (await call(service.app, "POST", "/mcp", headers, b"{}")).status == 401
    assert (await call(service.app, "POST", f"/mcp?access_token={token}", [], b"{}")).status == 401


async def test_a_body_beyond_measure_is_refused_by_its_length_and_by_its_bytes(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    large = b"x" * (MAX_MCP_BYTES + 1)
    for headers in ([], [("content-length", str(len(large)))]):
        answer = await call(service.app, "POST", "/mcp", [bearer(token), *headers], large)
        assert answer.status == 413
        assert answer.json()["error"] == "request_too_large"
    assert (await call(service.app, "POST", "/mcp", [], large)).status == 401, "who may ask comes first"


async def test_a_failure_inside_is_told_as_json_without_a_trace(
    service: OAuthService, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*arguments: object) -> None:
        raise RuntimeError("secret-in-an-exception /home/me/project")

    service.endpoints.serve = fail  # type: ignore[method-assign]
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    answer = await client.mcp(token)
    assert answer.status == 500
    assert answer.json() == {"error": "server_error", "error_description": "something failed here"}
    assert "secret-in-an-exception" in caplog.text


async def test_health_says_that_the_daemon_lives_and_names_no_repository(service: OAuthService) -> None:
    health = (await call(service.app, "GET", "/health")).json()
    assert set(health) == {"status", "server", "version", "auth", "instance"}
    assert (health["status"], health["auth"], health["instance"]) == ("ok", "oauth", "i_test")


async def test_health_is_told_while_strangers_queue(service: OAuthService) -> None:
    service.app._queue.next_at = trio.current_time() + 3600
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(call, service.app, "GET", "/nothing")
            await trio.testing.wait_all_tasks_blocked()
            assert (await call(service.app, "GET", "/health")).status == 200
            nursery.cancel_scope.cancel()


async def test_a_new_public_name_is_in_force_at_once_and_ends_no_grant(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    token = (await client.login(service.passphrases["one"]))["access_token"]
    service.app.origins = Origins("https://new.example", PORT)
    assert (await call(service.app, "GET", "/health", host="rh.example.com")).status == 421
    answer = await call(service.app, "POST", "/mcp", [bearer(token)], b"{}", host="new.example")
    assert answer.json()["origin"] == "https://new.example"
    metadata = (await call(service.app, "GET", "/.well-known/oauth-authorization-server", host="new.example")).json()
    assert metadata["issuer"] == "https://new.example"


async def test_metadata_is_the_same_document_at_both_addresses(service: OAuthService) -> None:
    first, second = [
        (await call(service.app, "GET", f"/.well-known/{name}")).json()
        for name in ("oauth-authorization-server", "openid-configuration")
    ]
    assert first == second
    root, hub = [
        (await call(service.app, "GET", f"/.well-known/oauth-protected-resource{path}")).json() for path in ("", "/mcp")
    ]
    assert root == hub


async def test_the_server_is_told_when_it_has_started_and_stopped(service: OAuthService) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return messages.pop(0)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    await service.app({"type": "lifespan"}, receive, send)  # type: ignore[arg-type]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_json_answers_cannot_be_taken_for_anything_else(service: OAuthService) -> None:
    for target in ("/health", "/nothing", "/mcp", "/.well-known/openid-configuration"):
        answer = await call(service.app, "GET", target)
        assert answer.header("x-content-type-options") == "nosniff"
        json.loads(answer.body)


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/r/one/mcp", "/r/one/mcp/"])
async def test_a_client_finds_the_metadata_of_the_path_that_it_was_given(service: OAuthService, path: str) -> None:
    """With a trailing slash or without: a client compares `resource` with the URL that was typed (RFC 9728 §3.3)."""
    challenge = (await call(service.app, "POST", path)).header("www-authenticate") or ""
    metadata = f"/.well-known/oauth-protected-resource{path}"
    assert f'resource_metadata="{LOCAL}{metadata}"' in challenge
    document = (await call(service.app, "GET", metadata)).json()
    assert document["resource"] == LOCAL + path
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"], resource=document["resource"])
    assert (await call(service.app, "POST", path, [bearer(tokens["access_token"])], b"{}")).status == 200


# Who waits for whom.


@asynccontextmanager
async def flooded(service: OAuthService) -> AsyncIterator[None]:
    """Have unauthenticated requests wait for as long as the block lasts."""
    service.app._queue.next_at = trio.current_time() + 3600
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(partial(call, service.app, "POST", "/token", [FORM], b"code=x"))
            await trio.testing.wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()


async def test_what_carries_a_proof_waits_for_no_flood(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    code = await client.code(service.passphrases["one"])
    async with flooded(service):
        assert (await client.mcp(tokens["access_token"])).status == 200
        assert (await client.exchange(code)).status == 200
        assert (await client.refresh(tokens["refresh_token"])).status == 200
        service.clock.move(86_401)
        assert (await client.mcp(tokens["access_token"])).status == 401, "an expired token is told so at once"


async def test_a_proof_of_nothing_waits(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    await client.revoke(tokens["refresh_token"])
    for request in (
        partial(client.refresh, tokens["refresh_token"]),
        partial(client.refresh, "rhr_" + "x" * 43),
        partial(client.exchange, "rhc_" + "x" * 43),
        partial(client.mcp, tokens["access_token"]),
        partial(client.mcp, "rha_" + "x" * 43),
    ):
        async with flooded(service):
            with trio.move_on_after(0.05) as waiting:
                await request()
            assert waiting.cancelled_caught


async def test_a_login_that_a_passphrase_opened_has_priority_for_ten_minutes(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    browser = Browser(service.app)
    page = Page(await browser.get(client.authorize_url()))
    opened = Page(await browser.submit(page, "open", passphrase=service.passphrases["one"]))
    async with flooded(service):
        assert (await browser.submit(opened, "open", passphrase=service.passphrases["two"])).status == 200
    service.clock.move(601)
    async with flooded(service):
        with trio.move_on_after(0.05) as waiting:
            await browser.submit(opened, "allow")
        assert waiting.cancelled_caught


@pytest.mark.parametrize("path", ["/token", "/revoke", "/authorize"])
async def test_a_form_is_bounded_in_fields_before_it_is_parsed(service: OAuthService, path: str) -> None:
    answer = await call(service.app, "POST", path, [FORM], b"a&" * 3000)
    assert answer.status == 400
    assert (await call(service.app, "GET", "/authorize?" + "a=b&" * 100)).status == 400


async def test_the_bodies_that_wait_are_bounded_all_together(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.web.dispatcher.MAX_WAITING_BYTES", 100)
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    service.app._waiting_bytes = 90
    answer = await call(service.app, "POST", "/token", [FORM], b"code=" + b"x" * 10)
    assert (answer.status, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.header("retry-after")
    assert (await client.refresh(tokens["refresh_token"])).status == 200
    assert service.app._waiting_bytes == 90


async def test_a_client_with_too_many_requests_at_once_is_told_which_limit_that_is(service: OAuthService) -> None:
    client = await OAuthClient(service.app).register()
    tokens = await client.login(service.passphrases["one"])
    owners: list[str] = []

    def authenticate(owner: str) -> bool:
        owners.append(owner)
        return len(owners) < 3

    async with flooded(service):
        answers = [
            await call(
                service.app,
                "POST",
                "/mcp",
                [bearer(tokens["access_token"])],
                b"{}",
                state={"authenticate": authenticate},
            )
            for _ in range(3)
        ]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "limit_reached"
    assert len(set(owners)) == 1
