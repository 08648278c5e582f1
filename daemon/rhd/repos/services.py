"""`Services`: a running `RepoService` for every adopted repository, no more and no less."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import trio

from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.repos.changes import ChangeEntry
from rhd.repos.registry import Registry, RegistryChange, Repo
from rhd.repos.service import RepoService
from rhd.store.database import Store
from rhd.watch.hints import HintSource

log = logging.getLogger(__name__)

MAX_OPENING = 4
"""How many repositories are opened at once at the start; the rest wait their turn."""


class _Running:
    """One service and what becomes of it: `ready` once it was opened, `over` once it has ended."""

    def __init__(self, service: RepoService) -> None:
        self.service = service
        self.scope = trio.CancelScope()
        self.ready = trio.Event()
        self.over = trio.Event()


class Services:
    """Follows the registry: adopted repositories get a service, forgotten ones lose theirs, moved ones a new one."""

    def __init__(self, registry: Registry, *, store: Store, hints: HintSource, key: bytes) -> None:
        self._registry = registry
        self._store = store
        self._hints = hints
        self._key = key
        self._running: dict[RepoId, _Running] = {}
        self._ending: dict[RepoId, trio.Event] = {}
        self._nursery: trio.Nursery | None = None
        self._opening = trio.CapacityLimiter(MAX_OPENING)
        self._listeners: dict[object, Callable[[Repo, Sequence[ChangeEntry]], None]] = {}
        registry.listen(self._on_change)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve every registered repository until cancelled; writes in progress are finished first."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for repo in self._registry:
                self._begin(repo)
            task_status.started()
            await trio.sleep_forever()

    def get(self, repo_id: RepoId) -> RepoService:
        """Return the service of an adopted repository.

        Raises:
            Refusal: REPO_NOT_FOUND.
        """
        found = self._running.get(repo_id)
        if found is None:
            raise Refusal("no repository of that id is adopted", code="REPO_NOT_FOUND")
        return found.service

    async def ready(self, repo_id: RepoId) -> RepoService:
        """Return the service once it has been opened or is known to be unusable."""
        found = self._running.get(repo_id)
        if found is None:
            raise Refusal("no repository of that id is adopted", code="REPO_NOT_FOUND")
        await found.ready.wait()
        return found.service

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listen(self, listener: Callable[[Repo, Sequence[ChangeEntry]], None]) -> Callable[[], None]:
        """Call `listener` with every batch of changes of any repository; it must not raise or wait.

        Returns what ends it.
        """
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def __iter__(self) -> Iterator[RepoService]:
        return iter([running.service for running in self._running.values()])

    def _on_change(self, change: RegistryChange) -> None:
        if change.what == "adopted":
            self._begin(change.repo)
        elif change.what in ("forgotten", "moved"):
            found = self._running.pop(change.repo.id, None)
            if found is not None:
                self._ending[change.repo.id] = found.over
                found.scope.cancel()
            if change.what == "moved":
                self._begin(change.repo)

    def _begin(self, repo: Repo) -> None:
        if self._nursery is None:
            return
        service = RepoService(repo, store=self._store, hints=self._hints, key=self._key, nursery=self._nursery)
        service.changes.subscribe(partial(self._tell, repo))
        running = _Running(service)
        self._running[repo.id] = running
        self._nursery.start_soon(self._keep, running)

    def _tell(self, repo: Repo, entries: Sequence[ChangeEntry]) -> None:
        for listener in list(self._listeners.values()):
            listener(repo, entries)

    async def _keep(self, running: _Running) -> None:
        repo_id = running.service.repo.id
        try:
            with running.scope:
                # The one before disarms the watches of this id when it ends: it must not disarm ours.
                if (before := self._ending.get(repo_id)) is not None:
                    await before.wait()
                async with trio.open_nursery() as nursery:
                    async with self._opening:
                        await nursery.start(running.service.run)
                    running.ready.set()
        finally:
            running.ready.set()
            running.over.set()
            if self._ending.get(repo_id) is running.over:
                del self._ending[repo_id]
