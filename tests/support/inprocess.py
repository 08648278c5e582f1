"""The whole daemon in this process: real sockets, real store, real watcher; no second interpreter to wait for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from rhctl.client import Client
from rhd.app import Daemon
from rhd.control.house import House
from rhd.places import find_places
from rhd.service.readiness import Readiness
from rhd.service.sockets import bind_control, bind_http
from rhd.settings import Settings
from rhd.store.database import Store
from rhwire.home import Home


@dataclass
class Running:
    """A daemon that serves."""

    home: Home
    house: House

    @property
    def url(self) -> str:
        """Its local origin."""
        return self.house.url

    async def call(self, verb: str, **params: Any) -> Any:
        """Send one verb over the socket, from a thread as the client would, and return its result."""

        def send() -> Any:
            client = Client.connect(self.home)
            try:
                return client.call(verb, params)
            finally:
                client.close()

        return await trio.to_thread.run_sync(send)

    async def open(self) -> trio.SocketStream:
        """Return a bare connection to the control socket."""
        return await trio.open_unix_socket(self.home.socket)

    async def adopt(self, path: Path) -> str:
        """Adopt a repository and return its slug, once its catalog is true."""
        done = await self.call("adopt", path=str(path))
        repo = self.house.registry.by_slug(done["slug"])
        assert repo is not None
        await self.house.services.get(repo.id).settle()
        return str(done["slug"])

    def passphrase(self, path: Path) -> str:
        """Return a repository's passphrase from its copy."""
        return str(json.loads((path / ".repo-harness/mcp.oauth.json").read_text())["passphrase"])


@asynccontextmanager
async def running_daemon(base: Path, **flags: Any) -> AsyncIterator[Running]:
    """Yield a daemon that serves on a free port; leaving drains it."""
    home = Home(str(base))
    home.prepare()
    places = find_places(home)
    flags = {"host": None, "port": "0", "config": None, **flags}
    settings = Settings.load(places.config, {}, {"host": flags["host"], "port": flags["port"]})
    control = bind_control(home.socket)
    http = bind_http(settings.host, settings.port)
    store = Store.open(places.database)
    daemon = Daemon(
        home,
        places,
        settings,
        places.config,
        flags,
        store,
        Readiness(),
        control_sockets=[control.socket],
        http_sockets=http,
        is_held=False,
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.run)
            with trio.fail_after(20):
                await daemon.serving.wait()
            yield Running(home, daemon.house)
            daemon.house.stop.set()
    finally:
        control.remove()
        for sock in (control.socket, *http):
            sock.close()
