"""The composition root: opens everything, owns the nursery, closes in order.

From the bottom up: lock, settings, store, sockets, registry, watcher, repositories, authorization, endpoints, fronts.
On the way down nothing that was accepted is lost: fronts drain first, then what is being written finishes, then
the store closes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from rhd.control.house import House
from rhd.control.server import ControlServer
from rhd.doctor.installation import examine_installation
from rhd.doctor.repositories import examine_repository
from rhd.endpoint.backend import Backend
from rhd.endpoint.endpoints import Endpoints
from rhd.endpoint.notifier import Notifier
from rhd.errors import HarnessError, StartRefused
from rhd.ids import RepoId
from rhd.logs import set_level, set_up_logging
from rhd.oauth.authority import Authority
from rhd.oauth.grants import GrantChange
from rhd.places import Places, find_places
from rhd.repos.adoption import Adopter
from rhd.repos.registry import Registry
from rhd.repos.services import Services
from rhd.service.readiness import Readiness
from rhd.service.signals import watch_signals
from rhd.service.sockets import ControlSocket, bind_control, bind_http, inherited
from rhd.settings import Settings
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.store.meta import get_or_make
from rhd.watch.hub import WatchHub
from rhd.web.admission import Admission
from rhd.web.dispatcher import Dispatcher
from rhd.web.origins import Origins
from rhd.web.serving import serve
from rhwire.findings import Finding
from rhwire.home import Home
from rhwire.lock import take_lock
from rhwire.version import VERSION

log = logging.getLogger(__name__)

GOODBYE_S = 0.2
"""How long local clients have to hear that the end is meant and to leave, before their connections are closed."""


def main(argv: Sequence[str]) -> int:
    """Run the daemon in the foreground until it is told to end; return the exit code."""
    flags = _parse(argv)
    try:
        home = Home.find(flags["home"])
        if flags["doctor"]:
            findings = examine_installation(home, flags, os.environ)
            print(json.dumps({"findings": [f.to_json() for f in findings]}))  # noqa: T201
            return 0
        _run(home, flags)
    except HarnessError as error:
        next_step = f" {error.next_step}" if error.next_step else ""
        sys.stderr.write(f"rhd: {error.message}.{next_step}\n")
        return 1
    return 0


def _parse(argv: Sequence[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(
        prog="rhd",
        description="The repo-harness daemon, in the foreground. SIGTERM drains and ends it, SIGHUP reads its settings "
        "again. rhctl is its client.",
        epilog="example:\n  rhd --port 9000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--home", metavar="FOLDER", help="where it lives, if not in the default home")
    parser.add_argument("--host", metavar="HOST", help="address of the HTTP port (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="the HTTP port (8765); 0 for any free one")
    parser.add_argument("--config", metavar="FILE", help="settings file, if not the one that the home names")
    parser.add_argument("--doctor", action="store_true", help="examine the installation, print findings, and end")
    parser.add_argument("--version", action="version", version=f"rhd {VERSION}")
    return vars(parser.parse_args(argv))


def _run(home: Home, flags: Mapping[str, Any]) -> None:
    """Open what must be open before anything runs, in the order in which it can be refused, then run."""
    readiness = Readiness.from_environment()
    home.prepare()
    with ExitStack() as stack:
        lock = take_lock(home.lock)  # before the sockets: whoever holds it may replace a stale one
        stack.callback(os.close, lock)
        places = find_places(home)
        config = os.path.abspath(flags["config"]) if flags["config"] else places.config
        settings = _load_settings(config, flags)
        set_up_logging(settings.log_level)
        held = inherited(home.socket)
        control: ControlSocket | None = None
        if "control" not in held:
            control = bind_control(home.socket)
            stack.callback(control.socket.close)
            stack.callback(control.remove)
        http = held.get("http") or bind_http(settings.host, settings.port)
        store = Store.open(places.database)
        daemon = Daemon(
            home,
            places,
            settings,
            config,
            flags,
            store,
            readiness,
            control_sockets=held.get("control") or [control.socket],  # type: ignore[union-attr]
            http_sockets=http,
            is_held="http" in held,
        )
        trio.run(daemon.run, restrict_keyboard_interrupt_to_checkpoints=True)


def _load_settings(config: str, flags: Mapping[str, Any]) -> Settings:
    return Settings.load(config, os.environ, {"host": flags["host"], "port": flags["port"]})


class Daemon:
    """Everything that runs. `run` returns once it has been told to stop and has drained.

    Attributes:
        house: what the control socket's verbs work with.
        serving: set once both sockets are served.
    """

    def __init__(
        self,
        home: Home,
        places: Places,
        settings: Settings,
        config: str,
        flags: Mapping[str, Any],
        store: Store,
        readiness: Readiness,
        *,
        control_sockets: Sequence[socket.socket],
        http_sockets: Sequence[socket.socket],
        is_held: bool,
    ) -> None:
        self._home = home
        self._places = places
        self._config = config
        self._flags = flags
        self._store = store
        self._readiness = readiness
        self._control_sockets = control_sockets
        self._http_sockets = http_sockets
        self._is_held = is_held
        self._stop = trio.Event()
        self.serving = trio.Event()
        key = store.write_now(lambda c: get_or_make(c, "workflow.key"))
        instance = store.write_now(lambda c: get_or_make(c, "instance", 8)).hex()
        self._audit = AuditLog(store)
        self._registry = Registry(store)
        self._hints = WatchHub()
        self._services = Services(self._registry, store=store, hints=self._hints, key=key)
        self._authority = Authority(store, self._registry, self._audit)
        backend = Backend(self._registry, self._services, store, self._audit, key, examine=self._examine_repo)
        self._notifier = Notifier(self._registry, self._services, store)
        self._endpoints = Endpoints(backend, self._notifier)
        self._registry.load()
        self._authority.load()
        self._port = http_sockets[0].getsockname()[1]
        self._dispatcher = Dispatcher(
            self._origins(settings),
            self._authority,
            self._registry,
            Admission(self._endpoints, self._authority.principal),
            instance=instance,
        )
        self.house = House(
            home=home,
            settings=settings,
            config_path=config,
            port=self._port,
            started_at=0.0,
            registry=self._registry,
            services=self._services,
            adopter=Adopter(self._registry, self._services),
            endpoints=self._endpoints,
            notifier=self._notifier,
            authority=self._authority,
            store=store,
            audit=self._audit,
            hints=self._hints,
            key=key,
            examine=self._examine,
            reload=self.reload,
            stop=self._stop,
        )

    async def run(self) -> None:
        """Serve until told to stop, then drain and close, from the fronts to the store."""
        self.house.started_at = trio.current_time()
        async with trio.open_nursery() as foundation:
            await foundation.start(self._store.run)
            try:
                async with trio.open_nursery() as rooms:
                    rooms.start_soon(self._audit.run)
                    await rooms.start(self._hints.run)
                    await rooms.start(self._services.run)
                    await rooms.start(self._authority.run)
                    await rooms.start(self._notifier.run)
                    await rooms.start(self._endpoints.run)
                    self._authority.listen(partial(self._follow_grant, rooms))
                    await self._serve_fronts()
                    rooms.cancel_scope.cancel()
            finally:
                self._store.close()

    async def _serve_fronts(self) -> None:
        """Run the two sockets' servers; return when both have drained."""
        control = ControlServer(self.house)
        stop_http = trio.Event()
        async with trio.open_nursery() as around:
            around.start_soon(self._readiness.feed)
            await around.start(watch_signals, self._stop, partial(around.start_soon, self.reload))
            async with trio.open_nursery() as public:
                await public.start(
                    partial(
                        serve, self._dispatcher, _listeners(self._http_sockets), stop=stop_http, is_held=self._is_held
                    )
                )
                async with trio.open_nursery() as private:
                    for listener in _listeners(self._control_sockets):
                        await private.start(control.serve, listener)
                    self._readiness.ready(self._summary())
                    self.serving.set()
                    log.info("serving version=%s url=%s socket=%s", VERSION, self.house.url, self._home.socket)
                    await self._stop.wait()
                    log.info("stopping")
                    self._readiness.stopping("draining")
                    # Streams first: each is told that its end is meant, and its client comes back to the next daemon.
                    self._notifier.drain()
                    stop_http.set()
                    with trio.move_on_after(GOODBYE_S):
                        await control.wait_idle()
                    private.cancel_scope.cancel()
            around.cancel_scope.cancel()

    async def reload(self) -> None:
        """Read the settings again and take over those that can change; a file that cannot be used changes nothing."""
        self._readiness.reloading()
        try:
            found = _load_settings(self._config, self._flags)
        except StartRefused as refused:
            log.error("reload-refused reason=%s", refused.message)
            self._readiness.ready(f"reload refused: {refused.message}")
            return
        in_force = self.house.settings
        self.house.settings = replace(found, host=in_force.host, port=in_force.port)  # these need a restart
        self._dispatcher.origins = self._origins(found)
        set_level(found.log_level)
        self._readiness.ready(self._summary())
        log.info("reloaded public_url=%s", found.public_url)

    def _origins(self, settings: Settings) -> Origins:
        return Origins(settings.public_url, self._port, settings.allowed_origins)

    def _summary(self) -> str:
        return f"serving {len(self._registry)} repositories on {self.house.url}"

    def _follow_grant(self, nursery: trio.Nursery, change: GrantChange) -> None:
        if change.is_ended:
            nursery.start_soon(self._endpoints.end_grant, change.grant_id)
        else:
            self._notifier.on_grant(change.grant_id, is_ended=False)

    def _examine_repo(self, repo_id: RepoId) -> Sequence[Finding]:
        return examine_repository(self._services.get(repo_id), self._registry)

    async def _examine(self, repo_id: str | None) -> Sequence[Finding]:
        if repo_id is not None:
            return self._examine_repo(RepoId(repo_id))
        found = list(await trio.to_thread.run_sync(examine_installation, self._home, self._flags, dict(os.environ)))
        for service in self._services:
            found += examine_repository(service, self._registry)
        return found


def _listeners(sockets: Sequence[socket.socket]) -> list[trio.SocketListener]:
    return [trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets]
