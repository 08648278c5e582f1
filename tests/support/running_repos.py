"""The rooms up to the repositories, running in this process: a registry, a watcher and a service for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from rhd.repos.adoption import Adopted, Adopter
from rhd.repos.registry import Registry
from rhd.repos.repo_service import RepoService
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.watch.hints import HintSource
from tests.support.hints import FakeHints
from tests.support.repositories import Repository
from tests.support.stores import running_store

KEY = b"k" * 32


@dataclass
class Rooms:
    """What is running."""

    store: Store
    registry: Registry
    hints: HintSource
    services: RepoSupervisor
    adopter: Adopter
    audit: AuditLog

    async def adopt(self, repository: Repository | Path) -> Adopted:
        """Adopt a repository and wait until its catalog says what the disk says."""
        path = repository.path if isinstance(repository, Repository) else repository
        done = await self.adopter.adopt(str(path))
        assert done.repo is not None
        await self.services.get(done.repo.id).settle()
        return done

    def service(self, done: Adopted) -> RepoService:
        """Return the service of an adopted repository."""
        assert done.repo is not None
        return self.services.get(done.repo.id)


@asynccontextmanager
async def running_rooms(database: Path, hints: HintSource | None = None) -> AsyncIterator[Rooms]:
    """Yield running rooms; with fake hints unless told otherwise. Writes in progress are finished at the end."""
    async with running_store(database) as store:
        registry = Registry(store)
        registry.load()
        hints = hints or FakeHints()
        services = RepoSupervisor(registry, store=store, hints=hints, key=KEY)
        rooms = Rooms(store, registry, hints, services, Adopter(registry, services), AuditLog(store))
        async with trio.open_nursery() as nursery:
            await nursery.start(hints.run)
            await nursery.start(services.run)
            yield rooms
            nursery.cancel_scope.cancel()
