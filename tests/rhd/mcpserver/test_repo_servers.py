"""The hub and one endpoint for each repository: made when needed, ended when forgotten, new after a failure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.access import Principal
from rhd.asgi import Receive, Scope, Send
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.mcpserver import repo_servers as module
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.repo_servers import RepoServers
from rhd.mcpserver.sessions import Sessions
from rhd.mcpserver.tool_context import ToolContext
from rhd.repos.registry import Repo
from tests.support.attached import attached
from tests.support.http import call
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, Rooms, running_rooms
from tests.support.waiting import until

HEADERS = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2026-07-28"),
]
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Hall:
    """Running endpoints and the repository that was adopted."""

    rooms: Rooms
    endpoints: RepoServers
    repo: Repo

    async def ask(self, repo_id: RepoId | None, method: str = "tools/list", **params: Any) -> Any:
        """Send one request of the 2026 era to an endpoint and return its result."""
        principal = Principal("g_1", "c", {self.repo.id: frozenset({"planner"})})
        caller = Caller("g_1", "c", False, lambda: principal)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self.endpoints.serve(repo_id, caller, "client", scope, receive, send)

        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        name = [("mcp-name", params["name"])] if "name" in params else []
        headers = [*HEADERS, ("mcp-method", method), *name]
        answer = await call(app, "POST", "/mcp", headers, json.dumps(body).encode())
        assert answer.status == 200, answer
        text = answer.text
        if (answer.header("content-type") or "").startswith("text/event-stream"):
            (text,) = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        return json.loads(text)["result"]

    async def names(self, repo_id: RepoId | None) -> list[str]:
        """Return the names of the tools that an endpoint shows."""
        return [tool["name"] for tool in (await self.ask(repo_id))["tools"]]


@asynccontextmanager
async def open_hall(folder: Path, repository: Repository) -> AsyncIterator[Hall]:
    async with running_rooms(folder / "rhd.db") as rooms, trio.open_nursery() as nursery:
        repo = (await rooms.adopt(repository)).repo
        assert repo is not None
        context = ToolContext(rooms.registry, rooms.services, rooms.store, rooms.audit, KEY)
        notifier = Notifier(rooms.registry, rooms.services, rooms.store)
        endpoints = RepoServers(context, notifier)
        await nursery.start(notifier.run)
        await nursery.start(endpoints.run)
        with trio.fail_after(30):
            yield Hall(rooms, endpoints, repo)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def hall(tmp_path: Path, repository: Repository) -> AsyncIterator[Hall]:
    async with open_hall(tmp_path, repository) as opened:
        yield opened


async def test_an_endpoint_is_made_by_its_first_request_and_shared_by_all(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    make = module.make_server

    def count(*args: Any) -> Any:
        made.append(args)
        return make(*args)

    monkeypatch.setattr(module, "make_server", count)
    assert hall.endpoints._live == {}
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(hall.names, hall.repo.id)
    assert len(made) == 1
    assert "list_repos" not in await hall.names(hall.repo.id)
    assert "list_repos" in await hall.names(None)
    assert set(hall.endpoints._live) == {hall.repo.id, None}
    assert len(made) == 2


async def test_a_repository_that_nobody_adopted_has_no_endpoint(hall: Hall) -> None:
    with pytest.raises(Refusal) as caught:
        await hall.ask(RepoId.new())
    assert caught.value.code == "REPO_NOT_FOUND"
    assert hall.endpoints._live == {}


async def test_a_forgotten_repository_has_none_and_once_adopted_again_a_new_one(
    hall: Hall, repository: Repository
) -> None:
    await hall.names(hall.repo.id)
    before = hall.endpoints._live[hall.repo.id]
    await hall.rooms.registry.forget(hall.repo.id)
    with pytest.raises(Refusal):
        await hall.ask(hall.repo.id)
    assert await hall.names(None), "the hub goes on"
    again = (await hall.rooms.adopt(repository)).repo
    assert again is not None
    assert again.id != hall.repo.id
    await hall.names(again.id)  # nothing is granted of it: it is another repository
    assert hall.endpoints._live[again.id] is not before


async def test_a_repository_forgotten_while_its_endpoint_is_being_made_is_not_found(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on = trio.Event(), trio.Event()
    run = Sessions.run

    @asynccontextmanager
    async def slowly(self: Sessions) -> AsyncIterator[None]:
        opening.set()
        await go_on.wait()
        async with run(self):
            yield

    monkeypatch.setattr(Sessions, "run", slowly)
    caught: list[Refusal] = []

    async def ask() -> None:
        try:
            await hall.ask(hall.repo.id)
        except Refusal as refusal:
            caught.append(refusal)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await opening.wait()
        await hall.rooms.registry.forget(hall.repo.id)
        go_on.set()
    assert [refusal.code for refusal in caught] == ["REPO_NOT_FOUND"]


async def test_an_endpoint_that_failed_is_made_anew_and_harms_no_other(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail = trio.Event()
    run = Sessions.run

    @asynccontextmanager
    async def until_it_fails(self: Sessions) -> AsyncIterator[None]:
        async def wait() -> None:
            await fail.wait()
            raise RuntimeError("canary-secret")

        async with run(self), trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            yield

    assert await hall.names(None)
    with monkeypatch.context() as patch:
        patch.setattr(Sessions, "run", until_it_fails)
        assert await hall.names(hall.repo.id)
    broken = hall.endpoints._live[hall.repo.id]
    fail.set()
    while hall.endpoints._live.get(hall.repo.id) is broken:
        await trio.lowlevel.checkpoint()
    assert await hall.names(hall.repo.id)
    assert await hall.names(None)
    assert f"endpoint-failed repo={hall.repo.id}" in caplog.text
    assert "canary" not in caplog.text


async def test_before_it_runs_nothing_is_served(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "rhd.db") as rooms:
        context = ToolContext(rooms.registry, rooms.services, rooms.store, rooms.audit, KEY)
        endpoints = RepoServers(context, Notifier(rooms.registry, rooms.services, rooms.store))
        caller = Caller("g", "c", False, lambda: None)
        with pytest.raises(Refusal) as caught:
            await endpoints.serve(None, caller, "client", {"headers": []}, None, None)  # type: ignore[arg-type]
        assert caught.value.code == "TIMEOUT"


async def test_the_owners_connections_are_counted_by_repository(daemon: Running, tmp_path: Path) -> None:
    await daemon.adopt(Repository.make(tmp_path / "second").path)
    endpoints, ids = daemon.context.endpoints, {repo.slug: repo.id for repo in daemon.context.registry}
    async with attached(daemon, "project") as one, attached(daemon, "project") as two, attached(daemon, "second"):
        assert [len(endpoints.local_clients(ids[slug])) for slug in ("project", "second")] == [2, 1]
        assert len(endpoints.local_clients()) == 3
        for client in (one, two):
            assert await client.list_tools()
    await until(lambda: not endpoints.local_clients(ids["project"]))


async def test_the_end_of_a_grant_is_told_to_every_endpoint(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[object, str]] = []

    async def note(self: Sessions, grant_id: str) -> None:
        ended.append((self, grant_id))

    monkeypatch.setattr(Sessions, "end_of", note)
    await hall.names(None)
    await hall.names(hall.repo.id)
    await hall.endpoints.end_grant("g_1")
    assert ended == [(each.sessions, "g_1") for each in hall.endpoints._live.values()]
    assert len(ended) == 2
