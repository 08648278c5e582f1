"""The authorization server and the public port, real but for the endpoints behind them, on a clock that tests set."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from rhd.hosting.fair_queue import FairQueue
from rhd.ids import RepoId
from rhd.oauth.authority import Authority
from rhd.oauth.fetching import Network
from rhd.oauth.grants import Bearer, GrantChange
from rhd.repos.registry import AgentRuns, Registry, Repo
from rhd.store.audit import AuditLog, AuditRow, read_rows
from rhd.store.database import Store
from rhd.web.dispatcher import Dispatcher
from rhd.web.origins import Origins
from rhd.web.replies import Receive, Scope, Send, send_json

PORT = 8765
LOCAL = f"http://127.0.0.1:{PORT}"
PUBLIC = "https://rh.example.com"
START = 1_800_000_000.0


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        """Move it, forwards or backwards."""
        self.now += seconds


class EchoEndpoints:
    """Stands where the MCP endpoints will: says who called what, as JSON."""

    def __init__(self) -> None:
        self.served = 0

    async def serve(self, resource: str, bearer: Bearer, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        profiles = {repo: sorted(held) for repo, held in bearer.principal.profiles.items()}
        answer = {
            "resource": resource,
            "grant": bearer.principal.id,
            "scopes": list(bearer.scopes),
            "profiles": profiles,
            "origin": scope["state"]["origin"],
            "bytes": len(body),
        }
        await send_json(send, 200, answer)


@dataclass
class OAuthService:
    """Everything of one daemon that OAuth needs."""

    path: Path
    store: Store
    registry: Registry
    audit: AuditLog
    authority: Authority
    app: Dispatcher
    endpoints: EchoEndpoints
    clock: Clock
    passphrases: dict[str, str] = field(default_factory=dict)
    changes: list[GrantChange] = field(default_factory=list)

    async def adopt(self, slug: str) -> Repo:
        """Adopt a repository that is only a row; its passphrase is in `passphrases`."""
        repo, passphrase = await self.registry.add(f"/repos/{slug}", slug, slug=None)
        self.passphrases[slug] = passphrase
        return repo

    def repo(self, slug: str) -> Repo:
        """Return an adopted repository."""
        repo = self.registry.by_slug(slug)
        assert repo is not None
        return repo

    async def enable_runs(self, slug: str) -> None:
        """Let agents be run in a repository."""
        runs = AgentRuns(("codex",), (), self.clock.now)
        await self.registry.start(self.repo(slug).id, "orchestrator", runs.to_options())

    async def rotate(self, slug: str, *, drop: bool) -> str:
        """Rotate a passphrase; return the one that was."""
        before = self.passphrases[slug]
        self.passphrases[slug] = await self.authority.rotate(self.repo(slug).id, drop=drop)
        return before

    async def audited(self, action: str | None = None) -> list[AuditRow]:
        """Return the audit rows on disk, oldest first, after flushing what waits."""
        self.audit.flush()
        await self.store.write(lambda connection: None)
        found = await self.store.read(lambda connection: read_rows(connection, limit=1000))
        return [row for _, row in reversed(found) if action is None or row.action == action]

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """Return what a query finds in the database."""

        def read(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(query, values).fetchall()

        await self.store.write(lambda connection: None)
        return await self.store.read(read)


@asynccontextmanager
async def open_oauth_service(
    path: Path,
    *,
    clock: Clock | None = None,
    public_url: str | None = PUBLIC,
    port: int = PORT,
    allowed: tuple[str, ...] = (),
    network: Network | None = None,
    pause: float = 0,
) -> AsyncIterator[OAuthService]:
    """Open a daemon's OAuth part over the database at `path`; leaving closes it as a shutdown would."""
    clock = clock or Clock()
    store = Store.open(str(path))
    async with trio.open_nursery() as nursery:
        registry, audit, endpoints = Registry(store), AuditLog(store, clock), EchoEndpoints()
        registry.load()
        authority = Authority(store, registry, audit, network=network or no_network(), clock=clock)
        authority.load()
        await nursery.start(store.run)
        async with trio.open_nursery() as work:
            work.start_soon(audit.run)
            await work.start(authority.run)
            origins = Origins(public_url, port, allowed)
            app = Dispatcher(origins, authority, registry, endpoints, instance="i_test", queue=FairQueue(pause))
            service = OAuthService(path, store, registry, audit, authority, app, endpoints, clock)
            authority.listen(service.changes.append)
            yield service
            work.cancel_scope.cancel()
        store.close()


def no_network() -> Network:
    """A way out that leads nowhere."""

    async def resolve(host: str) -> list[str]:
        raise OSError("there is no network here")

    return Network(resolve=resolve)


def repo_ids(service: OAuthService, *slugs: str) -> list[RepoId]:
    """Return the ids of adopted repositories."""
    return [service.repo(slug).id for slug in slugs]
