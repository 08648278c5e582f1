"""The consent page as a person meets it, in a real Chromium. Screenshots go to docs/images."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from rhd.web.origins import Origins
from tests.pages.chromium import Chromium, chromium, parameters
from tests.support.http import OAuthClient
from tests.support.oauth_service import Clock, OAuthService, open_oauth_service
from tests.support.served import served
from tests.support.tls import Authority, http_answer, tls_server

T = TypeVar("T")
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, DESKTOP, PHONE = (720, 480), (1280, 800), (360, 740)
CALLBACK = "https://chatgpt.com/connector_platform_oauth_redirect"


class Visit:
    """A person before a browser, and the daemon that they visit.

    Attributes:
        window: the browser's; its commands block and are called through `do`.
    """

    def __init__(self, service: OAuthService, url: str, window: Chromium) -> None:
        self.service = service
        self.url = url
        self.window = window
        self.client = OAuthClient(service.app, origin=url, name="Test Client")

    async def do(self, action: Callable[..., T], *arguments: Any) -> T:
        """Carry a command of the window's out, while the daemon goes on serving."""
        return await trio.to_thread.run_sync(action, *arguments)

    async def begin(self, **changes: str | None) -> None:
        """Start a login as ChatGPT would, whose callback nothing here can reach."""
        self.client.client_id = "https://chatgpt.com/oauth/client.json"
        self.client.redirect_uri = CALLBACK
        await self.do(self.window.go, self.url + self.client.authorize_url(**changes))

    async def open(self, *slugs: str) -> None:
        """Type passphrases and go on."""
        await self.do(self.window.type, "#passphrase", " ".join(self.service.passphrases[slug] for slug in slugs))
        await self.do(self.window.click, "button[value=open]")
        await self.do(self.window.find, "fieldset, [role=alert]")

    async def end(self) -> dict[str, str]:
        """Return what the browser was sent to the client with."""
        return parameters(await self.do(self.window.wait_for_url, "chatgpt.com/connector_platform"))

    async def shoot(self, name: str) -> None:
        """Take the picture of what is there."""
        await self.do(self.window.screenshot, IMAGES / f"{name}.png")


@asynccontextmanager
async def visiting(folder: Path, *flags: str) -> AsyncIterator[Visit]:
    async with open_oauth_service(folder / "rhd.db", clock=Clock(time.time())) as service:
        await service.adopt("atlas")
        await service.adopt("billing")

        def make_app(port: int) -> Any:
            service.app.origins = Origins(None, port)
            return service.app

        async with served(make_app) as url:
            manager = chromium(folder, *flags)
            window = await trio.to_thread.run_sync(manager.__enter__)
            try:
                await trio.to_thread.run_sync(window.size, *WIDE)
                yield Visit(service, url, window)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(manager.__exit__, None, None, None)


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(tmp_path) as visit:
        yield visit


async def test_a_wrong_passphrase_then_the_right_one(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
    await visit.shoot("consent")
    await visit.do(window.type, "#passphrase", "not-the-passphrase")
    await visit.do(window.click, "button[value=open]")
    assert "is not right for this login" in await visit.do(window.text, "[role=alert]")
    assert (await visit.do(lambda: window.title)).startswith("Error:")
    await visit.shoot("consent-wrong")
    await visit.open("atlas")
    assert "atlas" in await visit.do(window.text, "fieldset")
    assert await visit.do(window.run, "return document.querySelectorAll('input[value$=orchestrator]').length") == 0
    await visit.do(window.click, "button[value=allow]")
    answer = await visit.end()
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == visit.url
    tokens = (await visit.client.exchange(answer["code"])).json()
    assert (await visit.client.mcp(tokens["access_token"])).status == 200


async def test_two_repositories_with_their_own_ticks(visit: Visit) -> None:
    window = visit.window
    await visit.service.enable_runs("atlas")
    await visit.begin(scope="planner executor")
    await visit.open("atlas", "billing")
    await visit.shoot("consent-two")
    billing = visit.service.repo("billing").id
    await visit.do(window.click, f"input[value='{billing}:executor']")
    await visit.do(window.click, f"input[value='{visit.service.repo('atlas').id}:orchestrator']")
    await visit.do(window.click, "button[value=allow]")
    tokens = (await visit.client.exchange((await visit.end())["code"])).json()
    assert (await visit.client.mcp(tokens["access_token"])).json()["profiles"] == {
        visit.service.repo("atlas").id: ["executor", "orchestrator", "planner"],
        billing: ["planner"],
    }


async def test_approved_in_the_terminal_the_page_goes_on_by_itself(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
    await visit.do(window.click, ".answers a")
    code = await visit.do(window.text, ".command b")
    await visit.shoot("consent-terminal")
    await visit.service.authority.approve(code, [visit.service.repo("atlas").id], ["planner"])
    answer = await visit.end()
    assert (await visit.client.exchange(answer["code"])).status == 200


async def test_denied_in_the_terminal_the_page_goes_back_too(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
    await visit.do(window.click, ".answers a")
    await visit.service.authority.deny(await visit.do(window.text, ".command b"))
    assert (await visit.end())["error"] == "access_denied"


async def test_refused_on_the_page(visit: Visit) -> None:
    await visit.begin()
    await visit.do(visit.window.click, "button[value=refuse]")
    assert (await visit.end())["error"] == "access_denied"


async def test_an_expired_page_says_so(visit: Visit) -> None:
    await visit.begin()
    visit.service.clock.move(601)
    await visit.open("atlas")
    assert "more than ten minutes ago" in await visit.do(visit.window.text, "[role=alert]")
    await visit.shoot("consent-expired")
    await visit.do(visit.window.click, "main a")
    assert (await visit.end())["error"] == "access_denied", "it leads back, so that the login can be started again"


async def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Visit) -> None:
    window = visit.window
    await visit.do(window.size, *PHONE)
    await visit.begin(resource=f"{visit.url}/r/atlas/mcp", scope="planner executor")
    for step in ("asked", "opened"):
        if step == "opened":
            await visit.open("atlas")
            await visit.shoot("consent-phone")
        script = "return [document.documentElement.scrollWidth, innerWidth]"
        wide, screen = await visit.do(window.run, script)
        assert wide <= screen, step
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().height)"
        heights = await visit.do(window.run, script, "button, .profiles label, .repo")
        assert min(heights) >= 40, "a finger hits it"


async def test_in_the_dark(visit: Visit) -> None:
    await visit.do(visit.window.scheme, "dark")
    await visit.begin()
    await visit.open("atlas")
    await visit.shoot("consent-dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(visit: Visit, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    await visit.do(visit.window.scheme, scheme)
    await visit.begin()
    await visit.do(visit.window.type, "#passphrase", f"{visit.service.passphrases['atlas']} wrong")
    await visit.do(visit.window.click, "button[value=open]")
    await visit.do(visit.window.find, "[role=alert]")
    found = await visit.do(visit.window.run, CONTRAST)
    assert len(found) > 10
    assert [entry for entry in found if entry["ratio"] < 4.5] == []


async def test_a_keyboard_is_enough(visit: Visit) -> None:
    window, tab, enter, space = visit.window, "\ue004", "\ue007", "\ue00d"
    await visit.service.enable_runs("atlas")
    await visit.begin(scope="planner executor orchestrator")
    assert (await visit.do(lambda: window.focused))["name"] == "passphrase"
    await visit.do(window.type, "#passphrase", visit.service.passphrases["atlas"])
    await visit.do(window.press, enter)
    await visit.do(window.find, "fieldset")
    order = []
    for _ in range(9):
        await visit.do(window.press, tab)
        focused = await visit.do(lambda: window.focused)
        order.append(focused["value"].partition(":")[2] or focused["name"] + focused["text"])
        if focused["value"].endswith(":executor"):
            await visit.do(window.press, space)
    assert order == [
        "repo",
        "planner",
        "executor",
        "orchestrator",
        "passphrase",
        "Show",
        "actionAdd",
        "actionConnect",
        "actionDeny",
    ]
    await visit.do(window.focus, "button[value=allow]")
    await visit.do(window.press, enter)
    tokens = (await visit.client.exchange((await visit.end())["code"])).json()
    assert tokens["scope"] == "planner executor"


async def test_a_screen_reader_is_told_what_everything_is(visit: Visit) -> None:
    window = visit.window
    await visit.service.enable_runs("atlas")
    await visit.begin(scope="planner orchestrator")
    await visit.do(window.type, "#passphrase", f"{visit.service.passphrases['atlas']} wrong")
    await visit.do(window.click, "button[value=open]")
    await visit.do(window.find, "[role=alert]")
    tree = (await visit.do(window.cdp, "Accessibility.getFullAXTree"))["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and "role" in node
    ]
    roles = [role for role, _ in named]
    for role in ("banner", "main", "heading", "alert", "group", "checkbox", "button", "textbox"):
        assert role in roles, role
    for role, name in named:
        if role in ("checkbox", "button", "textbox", "link", "group", "heading"):
            assert name.strip(), f"a {role} has no name"
    assert ("group", "atlas") in named
    orchestrator = next(node for node in tree if node.get("name", {}).get("value", "").startswith("orchestrator"))
    assert "The agent runs as you" in orchestrator["description"]["value"]


async def test_nothing_is_loaded_from_anywhere_and_no_script_runs(visit: Visit) -> None:
    window = visit.window
    await visit.do(window.cdp, "Emulation.setScriptExecutionDisabled", {"value": True})
    await visit.begin()
    await visit.open("atlas")
    await visit.do(window.click, "button[value=allow]")
    assert "code" in await visit.end()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1280x800", "360x740"])
@pytest.mark.parametrize("resource", ["hub", "atlas"])
async def test_after_the_passphrase_connect_is_in_view(visit: Visit, size: tuple[int, int], resource: str) -> None:
    window = visit.window
    await visit.do(window.size, *size)
    await visit.service.enable_runs("atlas")
    path = "/mcp" if resource == "hub" else f"/r/{resource}/mcp"
    await visit.begin(resource=visit.url + path, scope="planner executor orchestrator")
    await visit.open("atlas", *(["billing"] if resource == "hub" else []))
    script = """
        const box = document.querySelector("button[value=allow]").getBoundingClientRect();
        return [scrollY, box.top, box.bottom, innerHeight,
            document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2).value]"""
    scrolled, top, bottom, height, on_top = await visit.do(window.run, script)
    assert scrolled == 0
    assert 0 < top < bottom <= height
    assert on_top == "allow", "nothing covers it"


async def test_a_button_shows_the_passphrase_and_hides_it_again(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
    await visit.do(window.type, "#passphrase", "what I typed")
    kind = "return document.getElementById('passphrase').type"
    assert await visit.do(window.run, kind) == "password"
    await visit.do(window.click, "#show")
    assert await visit.do(window.run, kind) == "text"
    assert await visit.do(window.text, "#show") == "Hide"
    assert (await visit.do(lambda: window.focused))["value"] == "what I typed"
    await visit.do(window.click, "#show")
    assert await visit.do(window.run, kind) == "password"
    assert await visit.do(window.console) == [], "the policy lets our script run"


async def test_the_terminal_page_copies_its_command(visit: Visit) -> None:
    window = visit.window
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": visit.url}
    await visit.do(window.cdp, "Browser.grantPermissions", grant)
    await visit.begin()
    await visit.do(window.click, ".answers a")
    code = await visit.do(window.text, ".command b")
    await visit.do(window.click, "#copy")
    with trio.fail_after(10):
        while await visit.do(window.text, "#copy") != "Copied":
            await trio.sleep(0.05)
    assert await visit.do(window.run, "return navigator.clipboard.readText()") == f"rhctl approve {code}"


async def test_the_terminal_page_refuses(visit: Visit) -> None:
    await visit.begin()
    await visit.do(visit.window.click, ".answers a")
    await visit.do(visit.window.click, "button[value=refuse]")
    assert (await visit.end())["error"] == "access_denied"


@pytest.mark.parametrize("onward", ["claude://done", "vscode://vendor.extension/done", "loopback"])
@pytest.mark.parametrize("answer", ["allow", "refuse"])
async def test_the_answer_arrives_through_the_clients_own_redirects(tmp_path: Path, onward: str, answer: str) -> None:
    """A hosted client's callback sends the browser on into an application, or to a program on this machine.

    Browsers apply `form-action` to each of these redirects: they were stopped after the code was given.
    """
    landed = trio.Event()

    async def land(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(http_answer(b"landed", media="text/plain"))
        landed.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, land, 0, host="127.0.0.1"))
        goal = onward if onward != "loopback" else f"http://127.0.0.1:{listener.socket.getsockname()[1]}/done"
        reply = http_answer(b"", f"Location: {goal}", "Connection: close", status="302 Found")
        authority = Authority.make(tmp_path, "chatgpt.com")
        async with tls_server(authority, reply) as callback:
            rule = f"--host-resolver-rules=MAP chatgpt.com:443 127.0.0.1:{callback.port}"
            async with visiting(tmp_path, rule) as visit:
                await visit.begin()
                await visit.open("atlas")
                await visit.do(visit.window.run, STOPPED)
                await visit.do(visit.window.click, f"button[value={answer}]")
                if onward == "loopback":
                    assert await visit.do(visit.window.wait_for_url, "/done") == goal
                    assert landed.is_set()
                else:  # no such application is here, so the page stays, and would have noted what its policy stops
                    with trio.fail_after(10):
                        while not callback.requests:
                            await trio.sleep(0.05)
                    await trio.sleep(0.5)
                    assert await visit.do(visit.window.run, "return window.stopped") == []
                    await visit.do(visit.window.go, "about:blank")
                assert any(b"/connector_platform_oauth_redirect?" in request for request in callback.requests)
        nursery.cancel_scope.cancel()


async def test_a_client_that_opened_a_popup_hears_the_answer(visit: Visit) -> None:
    """An opener policy on the login's page cut the popup from its client for good."""
    window = visit.window
    answered = "opener.postMessage(location.search, '*'); close()"

    async def serve(stream: trio.SocketStream) -> None:
        asked = bytes(await stream.receive_some(4096))
        body = (
            f"<script>{answered}</script>"
            if b"GET /callback" in asked
            else "<script>onmessage = e => said = e.data</script>"
        )
        await stream.send_all(http_answer(body.encode(), media="text/html"))

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        client = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        visit.client.redirect_uri = f"{client}/callback"
        await visit.client.register()
        await visit.do(window.go, client)
        (before,) = await visit.do(window.windows)
        await visit.do(window.run, "open(arguments[0], '_blank', 'popup')", visit.url + visit.client.authorize_url())
        (popup,) = set(await visit.do(window.windows)) - {before}
        await visit.do(window.switch, popup)
        await visit.open("atlas")
        await visit.do(window.click, "button[value=allow]")
        await visit.do(window.switch, before)
        with trio.fail_after(20):
            while not (said := await visit.do(window.run, "return window.said")):
                await trio.sleep(0.05)
        assert "code=" in said
        nursery.cancel_scope.cancel()


STOPPED = """
window.stopped = [];
document.addEventListener('securitypolicyviolation', e => stopped.push(e.effectiveDirective));"""
CONTRAST = """
const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
const lum = c => { const [r, g, b] = c.map(linear); return .2126 * r + .7152 * g + .0722 * b };
const parse = s => s.match(/[\\d.]+/g).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
return [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && e.getBoundingClientRect().height > 1)
  .map(e => { const a = lum(parse(getComputedStyle(e).color).slice(0, 3)), b = lum(behind(e));
    return {text: e.textContent.trim().slice(0, 40), ratio: (Math.max(a, b) + .05) / (Math.min(a, b) + .05)} });
"""
