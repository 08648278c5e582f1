"""One week through the tunnel, and what the audit tells: each event, by which client, and nothing of any content."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from tests.support.attached import told
from tests.support.consent_person import Memory, Person, logged_in
from tests.support.http import Answer, OAuthClient, Page
from tests.support.inprocess import Running, running_daemon
from tests.support.oauth_service import Clock
from tests.support.repositories import Repository
from tests.support.terminal import type_in
from tests.support.tls import Authority
from tests.support.tunnel import trusting, tunnel

DAY_S = 86400
CANARY = "canary-5fa1c"
NAME = "harness.example.com"


async def test_the_audit_tells_a_week_through_the_tunnel(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 0)
    authority = Authority.make(tmp_path, NAME)
    async with running_daemon(tmp_path / "home") as daemon:
        port = daemon.context.port
        async with tunnel(authority, NAME, port) as origin:
            await play(daemon, repository, origin, authority)


async def play(daemon: Running, repository: Repository, origin: str, authority: Authority) -> None:
    clock = Clock()
    daemon.context.audit._clock = clock
    url, web = f"{origin}/mcp", trusting(authority)

    # Monday: the repository is adopted, and ChatGPT connects after a wrong passphrase.
    slug = await daemon.adopt(repository.path)
    await daemon.call("endpoint", url=url)
    first = daemon.passphrase(repository.path)
    person = Person(f"wrong-{CANARY}", first, **web)
    memory = Memory()
    async with logged_in(url, person, memory, name="ChatGPT") as chatgpt:
        clock.move(DAY_S)
        # Tuesday: it calls, is refused, and writes.
        told(await chatgpt.call_tool("read_workflow_file", {"path": "plans/prds/20261101-0900-search.prd.md"}))
        refused = await chatgpt.call_tool("read_workflow_file", {"path": f"src/{CANARY}.py"})
        assert refused.is_error
        idea = {"title": "Export", "idea": f"Export everything. {CANARY}"}
        told(await chatgpt.call_tool("write_prd_from_idea", idea))
        clock.move(DAY_S)
        # Wednesday: the owner widens what it may do, and a client asks for a callback of its own.
        await daemon.call("start", repo=slug, profile="executor")
        await daemon.call("grant", client="ChatGPT", repo=slug, profile="executor")
        async with httpx2.AsyncClient(**web) as stranger:
            evil = {"client_name": "Evil", "redirect_uris": ["https://evil.example/callback"]}
            assert (await stranger.post(f"{origin}/register", json=evil)).status_code == 400
        clock.move(DAY_S)
    # Thursday: a second client logs in and is approved in the terminal; a third is denied there.
    await daemon.connect_client(slug, name="Claude")
    await daemon.call("deny", code=daemon.begin_login("Unwanted"))
    clock.move(DAY_S)
    # Friday: the passphrase is rotated, which ends both grants. ChatGPT logs in anew.
    await daemon.call("passphrase", repo=slug, action="rotate")
    second = daemon.passphrase(repository.path)
    assert second != first
    async with httpx2.AsyncClient(**web) as browser:
        late = OAuthClient(None, origin=origin, name="ChatGPT")
        metadata = {"client_name": "ChatGPT", "redirect_uris": [late.redirect_uri]}
        late.client_id = (await browser.post(f"{origin}/register", json=metadata)).json()["client_id"]
        page = _page(await browser.get(origin + late.authorize_url()))
        form = [*page.fields, ("passphrase", first), ("action", "open")]
        answer = await browser.post(f"{origin}/authorize", data=dict(form), headers={"Origin": "null"})
        assert answer.status_code == 403
    clock.move(DAY_S)
    async with logged_in(url, Person(second, **web), Memory(), name="ChatGPT") as chatgpt:
        told(await chatgpt.call_tool("harness_status", {}))
    clock.move(DAY_S)
    # Sunday: it is revoked.
    await daemon.call("revoke", client="ChatGPT")

    found = await daemon.call("audit", count=1000)
    rows = [(r["action"], r["client"], r["outcome"], r["target"]) for r in found["rows"]]
    expected = [
        ("repo.adopt", None, "ok", "adopted"),
        ("endpoint.set", None, "ok", origin),
        ("login.begin", "ChatGPT", "ok", "127.0.0.1:43999"),
        ("login.wrong", "ChatGPT", "WRONG_PASSPHRASE", None),
        ("client.new", "ChatGPT", "ok", None),
        ("login.allow", "ChatGPT", "ok", "page"),
        ("grant.make", "ChatGPT", "ok", None),
        ("read_workflow_file", "ChatGPT", "ok", "plans/prds/20261101-0900-search.prd.md"),
        ("read_workflow_file", "ChatGPT", "POLICY_DENIED", None),
        ("write_prd_from_idea", "ChatGPT", "ok", None),
        ("profile.start", None, "ok", None),
        ("grant.widen", "ChatGPT", "ok", None),
        ("client.register", None, "invalid_redirect_uri", "https://evil.example/callback"),
        ("client.new", "Claude", "ok", None),
        ("login.allow", "Claude", "ok", "terminal"),
        ("grant.make", "Claude", "ok", None),
        ("login.refuse", "Unwanted", "ok", "terminal"),
        ("grant.end", "ChatGPT", "ok", "rotate"),
        ("grant.end", "Claude", "ok", "rotate"),
        ("passphrase.rotate", None, "ok", "drop"),
        ("login.begin", "ChatGPT", "ok", "127.0.0.1:43999"),
        ("login.wrong", "ChatGPT", "WRONG_PASSPHRASE", None),
        ("login.begin", "ChatGPT", "ok", "127.0.0.1:43999"),
        ("login.allow", "ChatGPT", "ok", "page"),
        ("grant.make", "ChatGPT", "ok", None),
        ("harness_status", "ChatGPT", "ok", None),
        ("grant.end", "ChatGPT", "ok", "revoke"),
    ]
    remaining = iter(rows)
    for event in expected:
        for action, client, outcome, target in remaining:
            if (action, client, outcome) == event[:3] and event[3] in (None, target):
                break
        else:
            raise AssertionError(f"the audit does not tell of {event}, in this order, among {rows}")
    days = {r["at"][:10] for r in found["rows"]}
    assert len(days) == 7, "each on its day"
    said = json.dumps(found) + (await type_in("audit", "-n", "1000", "--home", daemon.home.base)).out
    for secret in (CANARY, first, second, *(memory.tokens.model_dump_json().split('"') if memory.tokens else ())):
        assert len(secret) < 12 or secret not in said, "nothing of any content, and no secret"
    filtered = await daemon.call("audit", repo=slug, client="claude")
    assert {r["client"] for r in filtered["rows"]} == {"Claude"}
    refusals = await daemon.call("audit", outcome="refused")
    assert "ok" not in {r["outcome"] for r in refusals["rows"]}
    status = await daemon.call("status")
    assert status["daemon"]["last_day"]["new_clients"] <= 2


def _page(answer: httpx2.Response) -> Page:
    return Page(Answer(answer.status_code, list(answer.headers.items()), answer.content))
