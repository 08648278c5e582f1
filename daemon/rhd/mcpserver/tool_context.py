"""What the tools work with: one value, made once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from rhd.hosting.fair_queue import FairQueue
from rhd.hosting.waits import Waits
from rhd.ids import RepoId
from rhd.mcpserver.quotas import Quotas
from rhd.repos.registry import Registry
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.runner.run_service import RunService
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhwire.findings import Finding
from rhwire.version import VERSION


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The rooms below the endpoints.

    Attributes:
        key: the installation's secret behind revisions, versions and cursors.
        examine: returns the doctor's findings about one repository.
        runs: agent runs; None where only other tools are looked at.
        large_lists: the turns of callers that look through large repositories.
        quotas: what each caller may still take today.
        waits: those of tools that wait for something; ended when the daemon drains.
    """

    registry: Registry
    services: RepoSupervisor
    store: Store
    audit: AuditLog
    key: bytes
    examine: Callable[[RepoId], Sequence[Finding]] = field(default=lambda _: ())
    version: str = VERSION
    waits: Waits = field(default_factory=Waits)
    large_lists: FairQueue = field(default_factory=partial(FairQueue, 0))
    quotas: Quotas = field(default_factory=Quotas)
    runs: RunService | None = None

    @property
    def agent_runs(self) -> RunService:
        """The runs of agents."""
        assert self.runs is not None
        return self.runs
