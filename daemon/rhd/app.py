"""The composition root: makes the daemon's services, starts them, and ends them in order.

`rhd.commandline` has opened what can refuse a start: lock, settings, sockets, database. Started here, in this order:
database, watcher, repositories, authorization, MCP servers, the public port and the control socket. At the end the
port and the socket drain first, then writes that were begun finish, then the database closes; all of it within
`STOP_WITHIN_S`.
"""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import trio

from rhd.background import Background
from rhd.control.socket_server import ControlServer
from rhd.control.verb_context import VerbContext
from rhd.doctor.installation import examine_agents, examine_installation
from rhd.doctor.repositories import examine_repository
from rhd.doctor.repository_files import examine_files
from rhd.doctor.store import examine_store
from rhd.doctor.watching import examine_watching
from rhd.errors import StartRefused
from rhd.file_locations import FileLocations
from rhd.hosting.last_resort import LastResort
from rhd.hosting.readiness import Readiness
from rhd.hosting.signals import watch_signals
from rhd.ids import RepoId
from rhd.log_ring import LogRing
from rhd.logs import set_level
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.repo_servers import RepoServers
from rhd.mcpserver.tool_context import ToolContext
from rhd.metrics import LoopMeter
from rhd.oauth.authority import Authority
from rhd.oauth.grants import GrantChange
from rhd.repos.adoption import Adopter
from rhd.repos.registry import Registry
from rhd.repos.repo_service import RepoService
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.runner.run_service import RunService
from rhd.settings import Settings, check_host
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.store.meta import get_or_make
from rhd.watch.sources import make_source
from rhd.web.admission import Admission
from rhd.web.dispatcher import Dispatcher
from rhd.web.origins import Origins
from rhd.web.public_port import PublicPort
from rhwire.findings import Finding
from rhwire.home import Home
from rhwire.version import VERSION

log = logging.getLogger(__name__)

EXAMINE_WITHIN_S = 10.0
"""How long each part of the doctor may take; what hangs longer is left out."""
STOP_WITHIN_S = 2.9
"""How long the end may take, whatever hangs: the fronts take 2.2 s of it at most, and what is left is for the rest."""

REPOS_WITHIN_S, STORE_WITHIN_S = 0.4, 0.25
"""What the repositories and the database have in any case."""


class Daemon:
    """The whole daemon. `run` returns once it has been told to stop and has drained.

    Attributes:
        context: what the control socket's verbs work with.
        serving: set once both sockets are served.
    """

    def __init__(
        self,
        home: Home,
        locations: FileLocations,
        settings: Settings,
        config: str,
        flags: Mapping[str, Any],
        store: Store,
        readiness: Readiness,
        *,
        control_sockets: Sequence[socket.socket],
        http_sockets: Sequence[socket.socket],
        is_held: bool,
        release_control: Callable[[], None] | None = None,
        last_resort: LastResort | None = None,
        log_ring: LogRing | None = None,
    ) -> None:
        """Make every part; nothing runs yet.

        Args:
            is_held: the service manager holds the HTTP sockets, for the next daemon too.
            release_control: takes the control socket's path away, if the service manager does not hold it either.
            last_resort: ends the process when draining takes longer than `STOP_WITHIN_S`.
            log_ring: has the newest lines of the log.
        """
        self._home = home
        self._config = config
        self._flags = flags
        self._store = store
        self._readiness = readiness
        self._control_sockets = control_sockets
        self._release_control = release_control
        self._last_resort = last_resort
        self._ends_at = math.inf
        self._stop = trio.Event()
        self.serving = trio.Event()
        key = store.write_now(lambda c: get_or_make(c, "workflow.key"))
        instance = store.write_now(lambda c: get_or_make(c, "instance", 8)).hex()
        self._audit = AuditLog(store)
        self._registry = Registry(store)
        self._hints = make_source(settings.watcher)
        self._services = RepoSupervisor(self._registry, store=store, hints=self._hints, key=key)
        self._authority = Authority(store, self._registry, self._audit)
        self._runs = RunService(
            self._registry, self._services, store, self._audit, key, lambda: self.context.settings, os.environ
        )
        self._tool_context = ToolContext(
            self._registry, self._services, store, self._audit, key, examine=self._examine_repo, runs=self._runs
        )
        self._notifier = Notifier(self._registry, self._services, store)
        self._endpoints = RepoServers(self._tool_context, self._notifier)
        self._registry.load()
        self._audit.load()
        self._authority.load()
        self._runs.load()
        self._authority.take_over(settings)
        self._dispatcher = Dispatcher(
            Origins(None, 0),
            self._authority,
            self._registry,
            Admission(self._endpoints, self._authority.principal),
            instance=instance,
            rhctl=home.client(),
        )
        self._port = PublicPort(self._dispatcher, http_sockets, settings, is_held=is_held)
        self.context = VerbContext(
            home=home,
            settings=settings,
            config_path=config,
            locations=locations,
            log_ring=log_ring or LogRing(),
            port=self._port.port,
            started_at=0.0,
            registry=self._registry,
            services=self._services,
            adopter=Adopter(self._registry, self._services),
            endpoints=self._endpoints,
            notifier=self._notifier,
            authority=self._authority,
            runs=self._runs,
            store=store,
            audit=self._audit,
            hints=self._hints,
            key=key,
            examine=self._examine,
            listen=self._port.listen,
            loop_meter=LoopMeter(),
            load_settings=self._load_settings,
            reload=self.reload,
            stop=self._stop,
        )

    async def run(self) -> None:
        """Serve until told to stop, then drain and close, from the fronts to the store.

        Raises:
            BaseExceptionGroup: with a StoreFailed in it, the database can no longer be written.
        """
        self.context.started_at = trio.current_time()
        trio.lowlevel.add_instrument(self.context.loop_meter)
        try:
            async with trio.open_nursery() as foundation:
                await foundation.start(self._store.run)
                try:
                    async with trio.open_nursery() as rooms:
                        background = Background(rooms)
                        await background.keep(self._run_audit)
                        await background.keep(self._hints.run, self._look_everywhere)
                        await background.keep(self._services.run)
                        await background.keep(self._authority.run)
                        await background.keep(self._runs.run)
                        await background.keep(self._notifier.run)
                        await background.keep(self._endpoints.run)
                        self._authority.listen(partial(self._follow_grant, background))
                        await self._serve_fronts()
                        self._services.finish_within_s = max(self._left_s() - STORE_WITHIN_S, REPOS_WITHIN_S)
                        rooms.cancel_scope.cancel()
                finally:
                    self._store.close(within_s=max(min(self._left_s(), STOP_WITHIN_S), STORE_WITHIN_S))
        finally:
            trio.lowlevel.remove_instrument(self.context.loop_meter)
            if self._last_resort is not None:
                self._last_resort.cancel()

    def _left_s(self) -> float:
        """Return how much of the time for the end is left."""
        return self._ends_at - trio.current_time()

    async def _run_audit(self, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await self._audit.run()

    def _look_everywhere(self) -> None:
        """Have every repository looked at as a whole, and watched again: the watcher has been started anew."""
        for service in self._services:
            service.hint(None, "restart")

    async def _serve_fronts(self) -> None:
        """Run the two sockets' servers; return when both have drained."""
        control = ControlServer(self.context)
        drain = trio.Event()
        async with trio.open_nursery() as around:
            background = Background(around)
            background.start(self._readiness.feed)
            await around.start(watch_signals, self._stop, partial(background.start, self.reload))
            async with trio.open_nursery() as fronts:
                await fronts.start(partial(self._port.serve, stop=drain))
                local = _listeners(self._control_sockets)
                await fronts.start(partial(control.serve, local, stop=drain, release=self._release_control))
                self._readiness.ready(self._summary())
                self.serving.set()
                log.info("serving version=%s url=%s socket=%s", VERSION, self.context.url, self._home.socket)
                await self._stop.wait()
                log.info("stopping")
                self._ends_at = trio.current_time() + STOP_WITHIN_S
                if self._last_resort is not None:
                    self._last_resort.start(STOP_WITHIN_S)
                self._readiness.stopping("draining")
                # Streams and waits first: each is told that its end is meant, and its client comes back to the next
                # daemon.
                self._notifier.drain()
                self._endpoints.drain()
                self._tool_context.waits.end()
                self._authority.drain()
                self._runs.drain()
                drain.set()
            around.cancel_scope.cancel()

    async def reload(self) -> None:
        """Read the settings again and take over those that can change; a file that cannot be used changes nothing."""
        self._readiness.reloading()
        try:
            found = await self._load_settings()
            check_host(self._port.host, found.public_url)
        except StartRefused as refused:
            log.error("reload-refused reason=%s", refused.message)
            self._readiness.ready(f"reload refused: {refused.message}")
            return
        in_force = self.context.settings
        if (found.host, found.port) != (in_force.host, in_force.port) and in_force.port:
            log.warning("address-needs-restart host=%s port=%d", found.host, found.port)
        self.context.settings = found.until_restart(in_force)
        self._port.configure(found)
        self._authority.take_over(found)
        set_level(found.log_level)
        self._readiness.ready(self._summary())
        log.info("reloaded public_url=%s", found.public_url)

    async def _load_settings(self) -> Settings:
        """Return the settings that a restart would put in force.

        Raises:
            StartRefused: they cannot be used.
        """
        return await trio.to_thread.run_sync(Settings.load, self._config, os.environ, self._flags)

    def _summary(self) -> str:
        return f"serving {len(self._registry)} repositories on {self.context.url}"

    def _follow_grant(self, background: Background, change: GrantChange) -> None:
        if change.is_ended:
            background.start(self._endpoints.end_grant, change.grant_id)
        else:
            self._notifier.on_grant(change.grant_id, is_ended=False)

    def _examine_repo(self, repo_id: RepoId) -> Sequence[Finding]:
        return examine_repository(self._services.get(repo_id), self._registry, self._hints.usage())

    async def _examine(self, repo_id: str | None) -> Sequence[Finding]:
        if repo_id is not None:
            return await self._examine_service(self._services.get(RepoId(repo_id)))
        enabled = {
            name for repo in self._registry if (runs := self._registry.runs_enabled(repo.id)) for name in runs.agents
        }
        environ = dict(os.environ)

        def examine() -> list[Finding]:
            return [*examine_installation(self._home, self._flags, environ), *examine_agents(enabled, environ)]

        found: list[Finding] = []
        with trio.move_on_after(EXAMINE_WITHIN_S):
            found += await trio.to_thread.run_sync(examine, abandon_on_cancel=True)
        found += [examine_store(self._store), examine_watching(self._hints.usage())]
        services = list(self._services)
        of_each: dict[RepoId, Sequence[Finding]] = {}

        async def examine_one(service: RepoService) -> None:
            of_each[service.repo.id] = await self._examine_service(service)

        async with trio.open_nursery() as nursery:  # one that hangs takes its time beside the others
            for service in services:
                nursery.start_soon(examine_one, service)
        return [*found, *(finding for service in services for finding in of_each[service.repo.id])]

    async def _examine_service(self, service: RepoService) -> Sequence[Finding]:
        found: list[Finding] = []
        if (repo := self._registry.get(service.repo.id)) is not None:
            with trio.move_on_after(EXAMINE_WITHIN_S):
                found += await examine_files(service, repo)
        return [*found, *self._examine_repo(service.repo.id)]


def _listeners(sockets: Sequence[socket.socket]) -> list[trio.SocketListener]:
    return [trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets]
