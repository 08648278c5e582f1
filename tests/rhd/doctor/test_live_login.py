"""What a tunnel that changes something on the way is told as. Whole walks: tests/rhd/control/test_doctor_live.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rhd.doctor import live_login
from rhd.doctor.http_request import Answer
from rhd.doctor.live_login import LiveLogin
from tests.support.inprocess import Running
from tests.support.repositories import Repository

Change = Callable[[str, Answer], Answer]


def replaced(path: str, answer: Answer) -> Change:
    return lambda url, seen: answer if url.endswith(path) else seen


def edited(path: str, old: str, new: str) -> Change:
    def change(url: str, seen: Answer) -> Answer:
        if not url.endswith(path):
            return seen
        headers = tuple((name, value.replace(old, new)) for name, value in seen.headers)
        return Answer(seen.status, headers, seen.body.replace(old.encode(), new.encode()))

    return change


HTML = (("content-type", "text/html"),)
JSON = (("content-type", "application/json"),)
CASES: dict[str, tuple[str, Change, str]] = {
    "host changed": ("reach", replaced("/health", Answer(421, JSON, b"{}")), "Host header"),
    "page of the tunnel's own": ("reach", replaced("/health", Answer(200, HTML, b"<h1>Hello")), "lead to"),
    "login of the tunnel's own": ("reach", replaced("/health", Answer(302, (("location", "x"),), b"")), "lead to"),
    "token swallowed": ("challenge", replaced("/mcp", Answer(401, JSON, b"{}")), "unchanged"),
    "another issuer": ("metadata", edited("authorization-server", '"issuer":"http', '"issuer":"x'), "Host header"),
    "slash at the issuer": ("metadata", edited("/oauth-protected-resource/mcp", '"],', '/"],'), "Host header"),
    "registration refused": ("register", replaced("/register", Answer(403, HTML, b"no")), "unchanged"),
    "token refused": ("token", replaced("/token", Answer(400, JSON, b'{"error":"invalid_grant"}')), "unchanged"),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_changed_on_the_way_is_found_at_its_step(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected, change, next_step = CASES[name]
    slug = await daemon.adopt(repository.path)
    ask = live_login.ask

    async def through(method: str, url: str, *args: Any, **options: Any) -> Answer:
        return change(url, await ask(method, url, *args, **options))

    monkeypatch.setattr(live_login, "ask", through)
    health = await ask("GET", f"{daemon.url}/health", within_s=10)
    live = LiveLogin(
        daemon.context.authority,
        daemon.service(slug).repo,
        origin=daemon.url,
        local="http://127.0.0.1:1",
        instance=json.loads(health.body)["instance"],
    )
    async with daemon.context.authority.trials.one():
        steps = [step async for step in live.walk()]
    (failed,) = [step for step in steps if not step.is_ok]
    assert failed.name == expected
    assert next_step in (failed.next_step or "")
    assert steps[-1].name == "remove"
    assert (await daemon.call("clients"))["clients"] == []
