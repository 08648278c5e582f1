"""The public port under floods: a granted client goes on, a refresh is answered, and the owner can log in.

The attacker is a process of its own on the same machine, at a lower priority: a real one does not take our processor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import trio

from tests.support.daemons import Daemon, environment
from tests.support.http import OAuthClient
from tests.support.remote_app import RemoteApp
from tests.support.repositories import Repository

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
CALLS = 300
EVERY_S = 0.05
REFRESHES = 10
LOGINS = 3


@dataclass
class Figures:
    """What a granted client and the owner saw, in seconds."""

    calls: list[float]
    refreshes: list[float]
    logins: list[float]

    def p99(self) -> float:
        return sorted(self.calls)[int(len(self.calls) * 0.99) - 1]

    def __str__(self) -> str:
        p50 = sorted(self.calls)[len(self.calls) // 2]
        return (
            f"calls p50 {p50 * 1e3:.1f} p99 {self.p99() * 1e3:.1f} max {max(self.calls) * 1e3:.1f} ms, "
            f"refresh max {max(self.refreshes) * 1e3:.0f} ms, login max {max(self.logins):.2f} s"
        )


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "home").start()
    yield daemon
    assert daemon.end() == 0


@contextmanager
def flood(daemon: Daemon, kind: str, connections: int, templates: list[str] | None = None) -> Iterator[dict[str, int]]:
    """Flood the daemon for as long as the block lasts; what came back is in the dictionary afterwards."""
    order = {"kind": kind, "port": daemon.port, "connections": connections, "templates": templates or []}
    found: dict[str, int] = {}
    command = [sys.executable, str(ROOT / "tests/faults/flood.py"), json.dumps(order)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        preexec_fn=lambda: os.nice(10),
    ) as process:
        yield found
        out, _ = process.communicate(timeout=60)
    found.update(json.loads(out))


class Person:
    """The owner's browser, and a client that it logs in."""

    def __init__(self, daemon: Daemon, repository: Repository, http: httpx2.AsyncClient) -> None:
        self.daemon = daemon
        self.http = http
        self.app = RemoteApp(daemon.url, http)
        self.passphrase = json.loads((repository.path / ".repo-harness/mcp.oauth.json").read_text())["passphrase"]
        self.tokens: dict[str, Any] = {}

    async def log_in(self) -> float:
        """Log in as a new client does, from the first 401 to the first call; return how long that took."""
        began = trio.current_time()
        answer = await self.http.post(f"{self.daemon.url}/mcp", json={})
        assert answer.status_code == 401
        for name in ("oauth-protected-resource/mcp", "oauth-authorization-server"):
            assert (await self.http.get(f"{self.daemon.url}/.well-known/{name}")).status_code == 200
        self.client = await OAuthClient(self.app, origin=self.daemon.url).register()
        self.tokens = await self.client.login(self.passphrase)
        await self.call()
        return trio.current_time() - began

    async def refresh(self) -> float:
        """Refresh the token; return how long that took."""
        began = trio.current_time()
        answer = await self.client.refresh(self.tokens["refresh_token"])
        assert answer.status == 200, answer
        self.tokens = answer.json()
        return trio.current_time() - began

    async def call(self) -> float:
        """Call a tool; return how long that took."""
        headers = {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            "Accept": "application/json, text/event-stream",
        }
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "harness_status", "arguments": {}},
        }
        began = trio.current_time()
        answer = await self.http.post(f"{self.daemon.url}/mcp", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["isError"] is False
        return trio.current_time() - began


async def measure(person: Person, other: Person) -> Figures:
    """Let one client call at a steady rate, while another one refreshes and the owner logs in."""
    figures = Figures([], [], [])

    async def call() -> None:
        for _ in range(CALLS):
            figures.calls.append(await person.call())
            await trio.sleep(EVERY_S)

    async def log_in() -> None:
        for _ in range(LOGINS):
            figures.logins.append(await other.log_in())
        for _ in range(REFRESHES):
            figures.refreshes.append(await other.refresh())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(log_in)
    return figures


def rss_bytes(daemon: Daemon) -> int:
    assert daemon.process is not None
    for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def floods(url: str) -> dict[str, tuple[str, int, list[str]]]:
    """Return each flood: its kind, how many connections, and what they send."""
    host = f"Host: {url.partition('://')[2]}\r\n"
    query = urlencode(
        {
            "client_id": "https://chatgpt.com/oauth/codex/client.json",
            "redirect_uri": "http://127.0.0.1/callback",
            "response_type": "code",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
        }
    )
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    wrong = "passphrase=########&login=x&action=open"
    refresh = "grant_type=refresh_token&client_id=x&refresh_token=rhr_########"
    return {
        "slow bodies": ("bodies", 2200, []),
        "dear requests": (
            "requests",
            1500,
            [
                f"GET /authorize?{query}&state=######## HTTP/1.1\r\n{host}\r\n",
                f"POST /authorize HTTP/1.1\r\n{host}{form}Content-Length: {len(wrong)}\r\n\r\n{wrong}",
                f"POST /token HTTP/1.1\r\n{host}{form}Content-Length: {len(refresh)}\r\n\r\n{refresh}",
            ],
        ),
        "bad tokens": (
            "requests",
            1500,
            [f"POST /mcp HTTP/1.1\r\n{host}Authorization: Bearer rha_########\r\nContent-Length: 2\r\n\r\n{{}}"],
        ),
    }


@pytest.mark.parametrize("name", ["slow bodies", "dear requests", "bad tokens"])
async def test_a_flood_leaves_clients_and_the_owner_their_service(
    daemon: Daemon, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository.make(tmp_path / "project")
    daemon.rhctl("adopt", str(repository.path))
    kind, connections, templates = floods(daemon.url)[name]
    async with httpx2.AsyncClient(timeout=60) as http, httpx2.AsyncClient(timeout=60) as browser:
        person, other = Person(daemon, repository, http), Person(daemon, repository, browser)
        await person.log_in()
        await other.log_in()
        idle = await measure(person, other)
        before = rss_bytes(daemon)
        with flood(daemon, kind, connections, templates) as counts:
            await trio.sleep(5)  # until all of its connections are open
            under = await measure(person, other)
            grown = rss_bytes(daemon) - before
    with capsys.disabled():
        print(f"\n{name}, {connections} connections: {counts}")
        print(f"  idle:  {idle}\n  under: {under}; memory grew by {grown / 1e6:.0f} MB")
    assert under.p99() <= max(3 * idle.p99(), 0.02)
    assert max(under.calls) <= max(idle.calls) + 0.1
    assert max(under.refreshes) <= 1
    assert max(under.logins) <= 5
    assert grown < 150e6


@pytest.mark.parametrize("holding", ["nothing", "an idle connection", "a 2026 stream", "a 2025 stream"])
async def test_a_restart_without_a_service_closes_the_port_for_as_long_as_a_start_takes(
    daemon: Daemon, tmp_path: Path, holding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository.make(tmp_path / "project")
    daemon.rhctl("adopt", str(repository.path))
    async with httpx2.AsyncClient(timeout=60) as http:
        person = Person(daemon, repository, http)
        await person.log_in()
        token = person.tokens["access_token"]
        took: dict[str, float] = {}
        closed: list[float] = []
        async with trio.open_nursery() as nursery:
            if holding == "an idle connection":
                await person.call()
            elif holding != "nothing":
                nursery.start_soon(hold_stream, daemon.url, token, holding)
                await trio.sleep(1)
            nursery.start_soon(watch_port, daemon.port, closed)

            def restart() -> None:
                began = time.monotonic()
                assert daemon.end() == 0
                took["end"] = time.monotonic() - began
                daemon.start()
                took["start"] = time.monotonic() - began - took["end"]

            await trio.to_thread.run_sync(restart)
            nursery.cancel_scope.cancel()
    with capsys.disabled():
        print(
            f"\n{holding}: ended in {took['end']:.2f} s, started in {took['start']:.2f} s, closed {sum(closed):.2f} s"
        )
    assert took["end"] < 3
    assert sum(closed) < took["start"] + 0.5


async def watch_port(port: int, closed: list[float]) -> None:
    """Try to connect all the time; note for how long that was refused."""
    while True:
        began = trio.current_time()
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.01)
            closed.append(trio.current_time() - began)
        else:
            await stream.aclose()
            await trio.sleep(0.01)


async def hold_stream(url: str, token: str, kind: str) -> None:
    """Hold a stream of one revision until the daemon ends it."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(timeout=httpx2.Timeout(60, read=None)) as http:
        if kind == "a 2025 stream":
            parameters = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            }
            opened = await http.post(
                f"{url}/mcp",
                json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters},
                headers=headers,
            )
            headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
            await http.post(
                f"{url}/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
            )
            request = http.stream("GET", f"{url}/mcp", headers=headers)
        else:
            meta = {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            body = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "subscriptions/listen",
                "params": {"_meta": meta, "notifications": {"resourcesListChanged": True}},
            }
            headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
            request = http.stream("POST", f"{url}/mcp", json=body, headers=headers)
        with suppress(httpx2.HTTPError):
            async with request as answer:
                assert answer.status_code == 200
                async for _ in answer.aiter_raw():
                    pass
        await trio.sleep_forever()
