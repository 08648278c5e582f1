"""The consent page as a person meets it: a real Chromium, no script of ours. Screenshots go to docs/images."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from rhd.web.origins import Origins
from tests.pages.chromium import Chromium, chromium, parameters
from tests.support.http import OAuthClient
from tests.support.oauth_service import Clock, OAuthService, open_oauth_service
from tests.support.served import served

T = TypeVar("T")
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, PHONE = (720, 480), (360, 640)
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
async def visiting(folder: Path) -> AsyncIterator[Visit]:
    async with open_oauth_service(folder / "rhd.db", clock=Clock(time.time())) as service:
        await service.adopt("atlas")
        await service.adopt("billing")

        def make_app(port: int) -> Any:
            service.app.origins = Origins(None, port)
            return service.app

        async with served(make_app) as url:
            manager = chromium(folder)
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
    assert "opens nothing that was asked for" in await visit.do(window.text, "[role=alert]")
    assert (await visit.do(lambda: window.title)).startswith("Error:")
    await visit.shoot("consent-wrong")
    await visit.open("atlas")
    assert "atlas" in await visit.do(window.text, "fieldset")
    assert not await visit.do(window.is_ticked, "input[value$=':orchestrator']")
    await visit.do(window.click, "button[value=allow]")
    answer = await visit.end()
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == visit.url
    tokens = (await visit.client.exchange(answer["code"])).json()
    assert (await visit.client.mcp(tokens["access_token"])).status == 200


async def test_two_repositories_with_their_own_ticks(visit: Visit) -> None:
    window = visit.window
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
    await visit.do(window.click, ".other a")
    code = await visit.do(window.text, ".command b")
    await visit.shoot("consent-terminal")
    await visit.service.authority.approve(code, [visit.service.repo("atlas").id], ["planner"])
    answer = await visit.end()
    assert (await visit.client.exchange(answer["code"])).status == 200


async def test_denied_in_the_terminal_the_page_goes_back_too(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
    await visit.do(window.click, ".other a")
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


async def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Visit) -> None:
    window = visit.window
    await visit.do(window.size, *PHONE)
    await visit.begin(resource=f"{visit.url}/r/atlas/mcp")
    await visit.shoot("consent-phone")
    for step in ("asked", "opened"):
        if step == "opened":
            await visit.open("atlas")
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
    await visit.begin()
    assert (await visit.do(lambda: window.focused))["name"] == "passphrase"
    await visit.do(window.type, "#passphrase", visit.service.passphrases["atlas"])
    await visit.do(window.press, enter)
    order = []
    for _ in range(8):
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
        "actionAdd",
        "actionConnect",
        "actionRefuse",
    ]
    await visit.do(window.focus, "button[value=allow]")
    await visit.do(window.press, enter)
    tokens = (await visit.client.exchange((await visit.end())["code"])).json()
    assert tokens["scope"] == "planner executor"


async def test_a_screen_reader_is_told_what_everything_is(visit: Visit) -> None:
    window = visit.window
    await visit.begin()
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
