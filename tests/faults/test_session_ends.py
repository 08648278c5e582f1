"""Sessions of the 2025 revision that end in every way at once, a thousand times. Run by `make faults`."""

from __future__ import annotations

import gc
import itertools
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from rhd.errors import Refusal
from tests.support.inprocess import Running, running_daemon
from tests.support.made_grants import grant
from tests.support.repositories import Repository
from tests.support.waiting import until

STEPS, WORKERS, GRANTS = 1000, 12, 6
VERSION = "2025-06-18"
INITIALIZE = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}


class Machine:
    """Opens, uses and ends sessions of a few grants, with no regard for each other."""

    def __init__(self, daemon: Running, http: httpx2.AsyncClient, seed: int) -> None:
        self.daemon = daemon
        self.http = http
        self.random = random.Random(seed)
        self.grants: dict[str, str] = {}
        self.slots: dict[str, str] = {}
        self.sessions: list[tuple[str, str]] = []
        self.steps = itertools.count()
        self.seen: Counter[str] = Counter()

    async def work(self) -> None:
        """Take steps until there have been enough."""
        while next(self.steps) < STEPS:
            step = self.random.choice(
                [self.open, self.open, self.use, self.stream, self.delete, self.revoke, self.forget]
            )
            self.seen[step.__name__] += 1
            await step()

    async def open(self) -> None:
        """Open a session of some grant; the limit of its grant evicts another."""
        while len(self.grants) < GRANTS:
            slugs = [repo.slug for repo in self.daemon.context.registry]
            resource = self.random.choice([None, *slugs])
            with suppress(sqlite3.IntegrityError):  # one was forgotten in between
                grant_id, token = await grant(self.daemon, {slug: ["planner"] for slug in slugs}, resource=resource)
                self.grants[grant_id] = token
                self.slots[token] = f"/r/{resource}/mcp" if resource is not None else "/mcp"
        token = self.random.choice(list(self.grants.values()))
        answer = await self.send("POST", token, None, {"method": "initialize", "params": INITIALIZE})
        if answer is not None and (session_id := answer.headers.get("mcp-session-id")) is not None:
            self.sessions.append((token, session_id))

    async def use(self) -> None:
        """Call a tool."""
        await self.send("POST", *self.pick(), {"method": "tools/list", "params": {}})

    async def stream(self) -> None:
        """Open a stream, and hang up after a moment."""
        with trio.move_on_after(self.random.random() / 50):
            await self.send("GET", *self.pick())

    async def delete(self) -> None:
        """End a session as its client does."""
        await self.send("DELETE", *self.pick())

    async def revoke(self) -> None:
        """End a grant, and with it its sessions and streams."""
        if self.random.random() < 0.2 and self.grants:
            grant_id = self.random.choice(list(self.grants))
            self.grants.pop(grant_id, None)
            with suppress(Refusal):  # another step has revoked it
                await self.daemon.context.authority.revoke(grant_id)

    async def forget(self) -> None:
        """End an endpoint, and adopt its repository again."""
        if self.random.random() < 0.05 and (repo := self.daemon.context.registry.by_slug("second")) is not None:
            with suppress(Refusal):  # another step has forgotten it
                await self.daemon.context.authority.forget(repo.id)
            with suppress(Refusal):  # or forgets it again at this moment
                await self.daemon.context.adopter.adopt(repo.path)

    def pick(self) -> tuple[str, str]:
        """Return one of the newest sessions, whether or not it has ended."""
        return self.random.choice(self.sessions[-20:]) if self.sessions else ("rha_none", "none")

    async def send(self, method: str, token: str, session_id: str | None, body: Any = None) -> httpx2.Response | None:
        """Send a request to where the grant is for, and return the answer.

        A request whose session ends meanwhile may get no answer from the SDK: None.
        """
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
        if session_id is not None:
            headers |= {"Mcp-Session-Id": session_id, "MCP-Protocol-Version": VERSION}
        place = self.slots.get(token, "/mcp")
        message = None if body is None else {"jsonrpc": "2.0", "id": 1, **body}
        try:
            answer = await self.http.request(method, self.daemon.url + place, headers=headers, json=message)
        except httpx2.HTTPError as error:
            self.seen[f"{method} {type(error).__name__}"] += 1
            return None
        self.seen[f"{method} {answer.status_code}"] += 1
        return answer


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what a test leaves: the SDK leaves streams unclosed where a session ends amid a request."""
    yield
    for _ in range(3):
        gc.collect()


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
    async with running_daemon(tmp_path / "home") as daemon:
        for name in ("project", "second"):
            await daemon.adopt(Repository.make(tmp_path / name).path)
        async with httpx2.AsyncClient(timeout=httpx2.Timeout(3), verify=False) as http:
            yield daemon, http


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(3))
async def test_a_thousand_ends_of_sessions_at_once_leave_the_daemon_serving_and_none_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    async with serving(tmp_path) as (daemon, http):
        machine = Machine(daemon, http, seed)
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(machine.work)
        for grant_id in list(machine.grants):
            with suppress(Refusal):  # it reached only what was forgotten
                await daemon.context.authority.revoke(grant_id)

        def count() -> int:
            return sum(endpoint.sessions.count() for endpoint in daemon.context.endpoints._live.values())

        await until(lambda: count() == 0)
        assert (await http.get(f"{daemon.url}/health")).status_code == 200
        assert "project" in {repo["slug"] for repo in (await daemon.call("status"))["repos"]}
    messages = [record.getMessage() for record in caplog.records]
    assert not [m for m in messages if m.startswith(("task-failed", "service-failed", "endpoint-failed"))]
    caplog.clear()
    with capsys.disabled():
        print(f"\n{dict(machine.seen)}")
