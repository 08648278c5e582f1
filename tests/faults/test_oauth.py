"""The authorization server under long walks, storms and floods. Run by `make faults`; minutes, not seconds."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.http import FORM, Answer, Browser, OAuthClient, Page, bearer, call
from tests.support.oauth_machine import OAuthMachine
from tests.support.oauth_service import OAuthService, open_oauth_service

ROOT = Path(__file__).parents[2]
STEPS = 20_000
STORM = int(os.environ.get("STORM", "100000"))

pytestmark = pytest.mark.timeout(1800)


class TestTheModel:
    """Twenty thousand steps: the server is what the model says, crash or no crash."""

    def test_twenty_thousand_steps(self) -> None:
        before = OAuthMachine.steps
        walk = settings(
            max_examples=50,
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        while OAuthMachine.steps - before < STEPS:
            run_state_machine_as_test(OAuthMachine, settings=walk)
        print(f"\n{OAuthMachine.steps - before} steps")


@dataclass
class Server:
    url: str
    passphrases: dict[str, str]
    pid: int

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def rss_bytes(self) -> int:
        """Memory of the process now."""
        return _rss_bytes(self.pid)

    def connect(self, slug: str) -> tuple[OAuthClient, dict[str, Any], float]:
        """Log a client in as its owner would; return it, its tokens and how long the passphrase took to be taken."""
        client = OAuthClient(None, origin=self.url)
        with httpx2.Client(base_url=self.url, timeout=120, headers={"sec-fetch-site": "same-origin"}) as browser:
            metadata = {"redirect_uris": [client.redirect_uri]}
            client.client_id = browser.post("/register", json=metadata).json()["client_id"]
            page = _page(browser.get(client.authorize_url()))
            start = time.perf_counter()
            fields = [*page.fields, ("passphrase", self.passphrases[slug]), ("action", "open")]
            page = _page(browser.post("/authorize", data=dict(fields)))
            took_s = time.perf_counter() - start
            form: dict[str, list[str]] = {}
            for name, value in [*page.fields, ("action", "allow")]:
                form.setdefault(name, []).append(value)
            answer = browser.post("/authorize", data=form)
            code = dict(p.split("=") for p in urlsplit(answer.headers["location"]).query.split("&"))["code"]
            tokens = browser.post(
                "/token",
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "client_id": client.client_id,
                    "code_verifier": client.verifier,
                    "redirect_uri": client.redirect_uri,
                },
            ).json()
        return client, tokens, took_s


def _rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def _page(answer: httpx2.Response) -> Page:
    return Page(Answer(answer.status_code, [], answer.content))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.faults.oauth_server", str(tmp_path)]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT}/daemon:{ROOT}/ctl", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        yield Server(found["url"], found["passphrases"], process.pid)
        assert process.poll() is None, "the server ended on its own"
        process.communicate(timeout=30)


@contextmanager
def hammering(
    server: Server, count: int, templates: list[str], connections: int = 32
) -> Iterator[subprocess.Popen[bytes]]:
    """Hammer in the background; `communicate` returns the counts."""
    wanted = {"port": server.port, "count": count, "connections": connections, "templates": templates}
    command = [sys.executable, str(ROOT / "tests/faults/hammer.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(wanted).encode())
        process.stdin.close()
        process.stdin = None
        try:
            yield process
        finally:
            process.kill()


def counts(process: subprocess.Popen[bytes]) -> tuple[dict[int, int], float]:
    """Wait for a hammer to finish; return how often each status came back, and the seconds."""
    out, _ = process.communicate(timeout=1500)
    found = json.loads(out)
    return {int(status): count for status, count in found["statuses"].items()}, found["seconds"]


def request(server: Server, method: str, target: str, body: str = "", *headers: str) -> str:
    """Return a request's text."""
    host = server.url.partition("://")[2]
    if not any(h.startswith("host:") for h in headers):
        headers = (f"Host: {host}", *headers)
    lines = [f"{method} {target} HTTP/1.1", *headers]
    if body:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])


def guess(server: Server) -> str:
    """Return the request of a wrong passphrase: a good page of a real browser, so that nothing else refuses it."""
    client = OAuthClient(None, origin=server.url)
    with httpx2.Client(base_url=server.url, timeout=30) as browser:
        metadata = {"redirect_uris": [client.redirect_uri]}
        client.client_id = browser.post("/register", json=metadata).json()["client_id"]
        answer = browser.get(client.authorize_url())
        body = urlencode([*_page(answer).fields, ("action", "open")]) + "&passphrase=guess-########"
        cookie = "; ".join(f"{k}={v}" for k, v in answer.cookies.items())
    return request(server, "POST", "/authorize", body, f"Cookie: {cookie}", "Origin: null")


def latencies(server: Server, token: str, calls: int) -> list[float]:
    """Return how long calls of a working client take, one after the other."""
    out = []
    with httpx2.Client(base_url=server.url, timeout=60, headers={"authorization": f"Bearer {token}"}) as client:
        for _ in range(calls):
            start = time.perf_counter()
            assert client.post("/mcp", content=b"{}").status_code == 200
            out.append(time.perf_counter() - start)
    return out[10:]


async def test_a_hundred_thousand_wrong_passphrases(tmp_path: Path) -> None:
    """At full speed none of them gets in, all are counted, they leave one row and no memory, and keep no owner out."""
    async with open_oauth_service(tmp_path / "rhd.db") as service:
        await service.adopt("one")
        client = await OAuthClient(service.app).register()
        browser = Browser(service.app)
        page = Page(await browser.get(client.authorize_url()))
        statuses: Counter[int] = Counter()

        async def guess_on(numbers: Iterator[int]) -> None:
            for number in numbers:
                answer = await browser.submit(page, "open", passphrase=f"guess-{number}")
                statuses[answer.status] += 1
                assert service.repo("one").id.encode() not in answer.body

        async def storm(count: int) -> None:
            numbers = iter(range(count))
            async with trio.open_nursery() as nursery:
                for _ in range(128):
                    nursery.start_soon(guess_on, numbers)
                await trio.sleep(2)
                start = trio.current_time()
                assert (await client.login(service.passphrases["one"]))["access_token"]
                print(f"\nthe owner logged in within {trio.current_time() - start:.2f} s of the storm")

        await storm(STORM // 20)
        gc.collect()
        before = _rss_bytes(os.getpid())
        await storm(STORM)
        gc.collect()
        grown = _rss_bytes(os.getpid()) - before
        print(f"{dict(statuses)}, grown {grown / 2**20:.2f} MiB")
        assert set(statuses) == {403, 429}
        assert service.authority.wrong.count == statuses.total() == STORM + STORM // 20
        assert grown < 4 * 2**20
        rows = await service.audited("login.wrong")
        assert sum(row.count for row in rows) == statuses.total()
        assert len(rows) <= 4, "a storm is one row; this one may have paused"


def test_a_storm_of_wrong_passphrases_slows_a_working_client_by_half_at_most(server: Server) -> None:
    """Over real connections, from another process, as fast as they are answered."""
    _, tokens, _ = server.connect("one")
    attack = guess(server)
    alone = statistics.median(latencies(server, tokens["access_token"], 400))
    # More than 64 connections, or every one of them would be waiting out its second.
    with hammering(server, STORM // 8, [attack], 128) as process:
        time.sleep(2)
        during = statistics.median(latencies(server, tokens["access_token"], 400))
        owner, _, took_s = server.connect("two")
        assert process.poll() is None, "the storm was over too early to say anything"
        statuses, seconds = counts(process)
    again = statistics.median(latencies(server, tokens["access_token"], 400))
    print(
        f"\n{sum(statuses.values())} guesses in {seconds:.0f} s: {statuses}; a call {alone * 1000:.2f} ms before, "
        f"{during * 1000:.2f} ms in the storm, {again * 1000:.2f} ms after; the owner's passphrase was taken in "
        f"{took_s * 1000:.0f} ms"
    )
    assert set(statuses) <= {403, 429}, "none got in"
    assert owner.client_id
    assert took_s < 1.0, "the right one never waits"
    # The machine's own moods are in both of the measures without a storm.
    assert during / max(alone, again) < 2.0


Request = tuple[str, str, list[tuple[str, str]], str]
CODEX = OAuthClient(None, client_id="https://chatgpt.com/oauth/codex/client.json")
KINDS: dict[str, list[Request]] = {
    "no token": [("POST", "/mcp", [], "x=1"), ("GET", "/mcp", [], ""), ("DELETE", "/r/one/mcp", [], "")],
    "bad token": [("POST", "/mcp", [bearer("rha_" + "x" * 35 + "########")], "x=1")],
    "unknown slug": [("GET", "/r/a########/mcp", [bearer("x")], "")],
    "no route": [("GET", "/########", [], ""), ("POST", "/x########", [], "a=b")],
    "foreign host": [("GET", "/health", [("host", "evil-########")], "")],
    "registration": [("POST", "/register", [], '{"redirect_uris": ["http://127.0.0.1/########"]}')],
    "refused registration": [("POST", "/register", [], '{"redirect_uris": ["https://evil-########.example/"]}')],
    "refresh": [("POST", "/token", [FORM], "grant_type=refresh_token&client_id=https://a.example/b&refresh_token=rhr_########")],
    "code": [("POST", "/token", [FORM], "grant_type=authorization_code&client_id=https://a.example/b&code=########&code_verifier=x")],
    "revoke": [("POST", "/revoke", [FORM], "client_id=https://a.example/b&token=########")],
    "preflight": [("OPTIONS", "/mcp", [("origin", "https://evil-########.example")], "")],
    "login of nobody": [("GET", "/authorize?client_id=########", [], "")],
    "document of nobody": [("GET", "/authorize?client_id=https://a########.example/c", [], "")],
    "login": [("GET", CODEX.authorize_url(state="########"), [], "")],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_memory_after_a_hundred_thousand_refused_requests(tmp_path: Path, kind: str) -> None:
    """One that leaked 38 KiB a rejected request lost 54 MiB a day (unifi-mcp#173); here it may not be 40 bytes."""

    async def send(service: OAuthService, count: int) -> set[int]:
        statuses = set()
        for number in range(count):
            text = f"{number:08d}"
            method, target, headers, body = KINDS[kind][number % len(KINDS[kind])]
            filled = [(name, value.replace("########", text)) for name, value in headers]
            host = None if filled and filled[0][0] == "host" else "127.0.0.1:8765"
            answer = await call(
                service.app,
                method,
                target.replace("########", text),
                filled,
                body.replace("########", text).encode(),
                host=host,
            )
            statuses.add(answer.status)
        return statuses

    async with open_oauth_service(tmp_path / "rhd.db") as service:
        await service.adopt("one")
        await send(service, STORM // 20)
        gc.collect()
        before = _rss_bytes(os.getpid())
        statuses = await send(service, STORM)
        gc.collect()
        grown = _rss_bytes(os.getpid()) - before
        print(f"\n{kind}: {statuses}, grown {grown / 2**20:.2f} MiB")
        assert statuses <= {200, 201, 204, 400, 401, 404, 421}
        assert grown < 4 * 2**20
        assert await service.rows("SELECT count(*) FROM clients, grants, tokens, logins") == [(0,)]


def test_a_flood_of_every_kind_over_real_connections(server: Server) -> None:
    """What the connections themselves leave behind, and that the server is there afterwards."""
    templates = [
        request(
            server, method, target, body, *(f"{name}: {value}" for name, value in headers if name != "content-type")
        )
        for found in KINDS.values()
        for method, target, headers, body in found
    ]
    with hammering(server, STORM // 40, templates) as warming:
        counts(warming)
    before = server.rss_bytes()
    with hammering(server, STORM // 10, templates) as process:
        statuses, seconds = counts(process)
    grown = server.rss_bytes() - before
    print(f"\n{STORM // 10 / seconds:.0f}/s, {statuses}, grown {grown / 2**20:.1f} MiB")
    assert 0 not in statuses
    assert grown < 8 * 2**20
    _, tokens, _ = server.connect("two")
    assert tokens["access_token"]


def test_a_repository_that_exists_is_refused_in_the_same_time_as_one_that_does_not(server: Server) -> None:
    """As a ratio, the two taken in turns so that the machine's moods hit both."""
    _, tokens, _ = server.connect("two")
    paths = ("/r/one/mcp", "/r/xyz/mcp")
    for headers in (
        {},
        {"authorization": "Bearer rha_" + "x" * 43},
        {"authorization": f"Bearer {tokens['access_token']}"},
    ):
        taken: dict[str, list[float]] = {path: [] for path in paths}
        with httpx2.Client(base_url=server.url, headers=headers) as client:
            for number in range(4000):
                path = paths[number % 2]
                start = time.perf_counter()
                assert client.post(path, content=b"{}").status_code == 401
                taken[path].append(time.perf_counter() - start)
        # The fastest quarter of each: what is slower than that was the machine's doing.
        known, unknown = (statistics.quantiles(taken[path], n=4)[0] for path in paths)
        print(f"\n{known * 1e6:.0f} us known, {unknown * 1e6:.0f} us unknown: {known / unknown:.3f}")
        assert 0.95 < known / unknown < 1.05
