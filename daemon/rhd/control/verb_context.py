"""What the verbs work with: the daemon's services, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import trio

from rhd.file_locations import FileLocations
from rhd.log_ring import LogRing
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.repo_servers import RepoServers
from rhd.metrics import LoopMeter
from rhd.oauth.authority import Authority
from rhd.repos.adoption import Adopter
from rhd.repos.registry import Registry
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.runner.run_service import RunService
from rhd.settings import Settings
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.watch.hints import HintSource
from rhwire.findings import Finding
from rhwire.home import Home


@dataclass(slots=True)
class VerbContext:
    """The daemon, as its verbs see it.

    Attributes:
        settings: the ones in force; replaced when they are read again.
        config_path: the settings file.
        locations: where files are kept.
        log_ring: the newest lines of the log.
        port: the HTTP port that is really bound.
        started_at: `trio.current_time()` of the start.
        examine: returns the doctor's findings, of one repository or of everything.
        listen: opens a further HTTP listener on a host and port while its block lasts; yields its origin.
        loop_meter: how long the event loop's passes take.
        load_settings: returns the settings that a restart would put in force.
        reload: reads the settings again.
        stop: set to end the daemon.
    """

    home: Home
    settings: Settings
    config_path: str
    locations: FileLocations
    log_ring: LogRing
    port: int
    started_at: float
    registry: Registry
    services: RepoSupervisor
    adopter: Adopter
    endpoints: RepoServers
    notifier: Notifier
    authority: Authority
    runs: RunService
    store: Store
    audit: AuditLog
    hints: HintSource
    key: bytes
    examine: Callable[[str | None], Awaitable[Sequence[Finding]]]
    listen: Callable[[str, int], AbstractAsyncContextManager[str]]
    loop_meter: LoopMeter
    load_settings: Callable[[], Awaitable[Settings]]
    reload: Callable[[], Awaitable[None]]
    stop: trio.Event

    @property
    def url(self) -> str:
        """The local origin, such as `http://127.0.0.1:8765`."""
        return f"http://{_in_url(self.settings.host)}:{self.port}"


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
