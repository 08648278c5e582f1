"""The whole daemon in this process: real sockets, real store, real watcher; no second interpreter to wait for."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from rhctl.client import DaemonClient
from rhctl.errors import CommandRefused
from rhd.app import Daemon
from rhd.control.verb_context import VerbContext
from rhd.file_locations import find_locations
from rhd.hosting.readiness import Readiness
from rhd.hosting.sockets import bind_control, bind_http
from rhd.ids import new_token
from rhd.oauth.clients import Client as OAuthClient
from rhd.oauth.login import Login
from rhd.repos.repo_service import RepoService
from rhd.settings import Settings
from rhd.store.audit import AuditRow, read_rows
from rhd.store.database import Store
from rhwire.home import Home
from rhwire.lock import take_lock
from rhwire.messages import Request
from tests.support.waiting import until


@dataclass
class Running:
    """A daemon that serves."""

    home: Home
    context: VerbContext

    @property
    def url(self) -> str:
        """Its local origin."""
        return self.context.url

    async def call(self, verb: str, **params: Any) -> Any:
        """Send one verb over the socket, from a thread as the client would, and return its result."""

        def send() -> Any:
            client = DaemonClient.connect(self.home)
            try:
                return client.call(verb, params)
            finally:
                client.close()

        return await trio.to_thread.run_sync(send)

    async def refusal(self, verb: str, **params: Any) -> CommandRefused:
        """Send a verb that must be refused and return the refusal."""
        with pytest.raises(CommandRefused) as refused:
            await self.call(verb, **params)
        assert refused.value.message
        assert refused.value.next_step
        return refused.value

    async def open(self) -> trio.SocketStream:
        """Return a bare connection to the control socket."""
        return await trio.open_unix_socket(self.home.socket)

    async def ask(self, line: bytes) -> Any:
        """Send one line on a connection of its own and return the answer."""
        async with await self.open() as stream:
            await stream.send_all(line)
            return await read_line(stream)

    async def adopt(self, path: Path) -> str:
        """Adopt a repository and return its slug, once its catalog is true."""
        slug = str((await self.call("adopt", path=str(path)))["slug"])
        await self.settle(slug)
        return slug

    def service(self, slug: str) -> RepoService:
        """Return the service of an adopted repository."""
        repo = self.context.registry.by_slug(slug)
        assert repo is not None
        return self.context.services.get(repo.id)

    async def settle(self, slug: str) -> None:
        """Return once a repository's catalog says what the disk says."""
        await self.service(slug).settle()

    async def until_state(self, slug: str, state: str) -> None:
        """Return once a repository's state is this one, after having it looked at."""
        service = self.service(slug)
        service.hint(None, "test")
        await until(lambda: service.state == state)

    @asynccontextmanager
    async def lease(self, slug: str, profile: str) -> AsyncIterator[None]:
        """Have a profile started for as long as the block; it is over once the daemon has noticed."""
        registry, repo_id, ended = self.context.registry, self.service(slug).repo.id, trio.Event()
        async with await self.open() as stream:
            await stream.send_all(Request(1, "start", {"repo": slug, "profile": profile, "lease": True}).encode())
            with trio.fail_after(10):
                assert b'"leased":true' in await stream.receive_some(65536)
            held = registry._leased[repo_id][profile]
            yield
            registry.listen(lambda change: ended.set() if registry._leased[repo_id].get(profile, 0) < held else None)
        with trio.fail_after(10):
            await ended.wait()

    def begin_login(
        self,
        name: str = "ChatGPT",
        *,
        resource: str = "hub",
        client_id: str | None = None,
        scopes: tuple[str, ...] = ("planner", "offline_access"),
    ) -> str:
        """Let a client's login wait on its page, without a browser; return the code that the page shows.

        Args:
            resource: `hub` or a slug.
            client_id: the address of its description, for one that did not register itself.
            scopes: what it asks for.
        """
        client = OAuthClient(client_id or new_token(12), name, ("https://chatgpt.com/connector/callback",))
        (redirect,) = client.redirect_uris
        login = Login(
            id=new_token(12),
            began_at=time.time(),
            origin=self.url,
            browser="",
            client=client,
            redirect_uri=redirect,
            state=None,
            challenge="c" * 43,
            resource=resource,
            scopes=scopes,
        )
        return self.context.authority.logins.wait(login)

    async def connect_client(self, *slugs: str, name: str = "ChatGPT", profiles: Sequence[str] = ("planner",)) -> str:
        """Let a client in as the owner would, and return the id of its grant."""
        repos = [repo.id for repo in self.context.registry if repo.slug in slugs]
        return await self.context.authority.approve(self.begin_login(name), repos, profiles)

    async def audited(self) -> list[AuditRow]:
        """Return the audit rows on disk, oldest first, after flushing what waits."""
        self.context.audit.flush()
        await self.context.store.write(lambda connection: None)
        found = await self.context.store.read(lambda connection: read_rows(connection, limit=1000))
        return [row for _, row in reversed(found)]

    def passphrase(self, path: Path) -> str:
        """Return a repository's passphrase from its copy."""
        return str(json.loads((path / ".repo-harness/mcp.oauth.json").read_text())["passphrase"])


async def read_line(stream: trio.SocketStream) -> Any:
    """Return the next line as JSON, and nothing of what is behind it; None at the end of the stream."""
    line = b""
    with trio.fail_after(10):
        while not line.endswith(b"\n"):
            seen = await stream.socket.recv(65536, socket.MSG_PEEK)
            if not seen:
                assert not line
                return None
            line += await stream.receive_some(seen.find(b"\n") + 1 or len(seen))
    return json.loads(line)


@asynccontextmanager
async def running_daemon(base: Path, *, readiness: Readiness | None = None, **flags: Any) -> AsyncIterator[Running]:
    """Yield a daemon that serves on a free port; leaving drains it. About 60 ms in all.

    Args:
        readiness: what plays the service manager.
        flags: of its command line.
    """
    home = Home(str(base))
    home.prepare()
    lock = take_lock(home.lock)
    locations = find_locations(home)
    flags = {"host": None, "port": "0", "config": None, **flags}
    settings = Settings.load(locations.config, {}, {"host": flags["host"], "port": flags["port"]})
    control = bind_control(home.socket)
    http = bind_http(settings.host, settings.port)
    store = Store.open(locations.database)
    daemon = Daemon(
        home,
        locations,
        settings,
        locations.config,
        flags,
        store,
        readiness or Readiness(),
        control_sockets=[control.socket],
        http_sockets=http,
        is_held=False,
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.run)
            with trio.fail_after(20):
                await daemon.serving.wait()
            yield Running(home, daemon.context)
            daemon.context.stop.set()
    finally:
        control.remove()
        for sock in (control.socket, *http):
            sock.close()
        os.close(lock)
