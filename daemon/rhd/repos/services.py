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


class Services:
    """Follows the registry: adopted repositories get a service, forgotten ones lose theirs, moved ones a new one."""

    def __init__(self, registry: Registry, *, store: Store, hints: HintSource, key: bytes) -> None:
        self._registry = registry
        self._store = store
        self._hints = hints
        self._key = key
        self._running: dict[RepoId, tuple[RepoService, trio.CancelScope, trio.Event]] = {}
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
        return found[0]

    async def ready(self, repo_id: RepoId) -> RepoService:
        """Return the service once it has been opened or is known to be unusable."""
        found = self._running.get(repo_id)
        if found is None:
            raise Refusal("no repository of that id is adopted", code="REPO_NOT_FOUND")
        await found[2].wait()
        return found[0]

    def listen(self, listener: Callable[[Repo, Sequence[ChangeEntry]], None]) -> Callable[[], None]:
        """Call `listener` with every batch of changes of any repository; it must not raise or wait.

        Returns what ends it.
        """
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def __iter__(self) -> Iterator[RepoService]:
        return iter([service for service, _, _ in self._running.values()])

    def _on_change(self, change: RegistryChange) -> None:
        if change.what == "adopted":
            self._begin(change.repo)
        elif change.what in ("forgotten", "moved"):
            found = self._running.pop(change.repo.id, None)
            if found is not None:
                found[1].cancel()
            if change.what == "moved":
                self._begin(change.repo)

    def _begin(self, repo: Repo) -> None:
        if self._nursery is None:
            return
        service = RepoService(repo, store=self._store, hints=self._hints, key=self._key, nursery=self._nursery)
        service.changes.subscribe(partial(self._tell, repo))
        scope, ready = trio.CancelScope(), trio.Event()
        self._running[repo.id] = (service, scope, ready)
        self._nursery.start_soon(self._keep, service, scope, ready)

    def _tell(self, repo: Repo, entries: Sequence[ChangeEntry]) -> None:
        for listener in list(self._listeners.values()):
            listener(repo, entries)

    async def _keep(self, service: RepoService, scope: trio.CancelScope, ready: trio.Event) -> None:
        with scope:
            try:
                async with trio.open_nursery() as nursery:
                    async with self._opening:
                        await nursery.start(service.run)
                    ready.set()
            finally:
                ready.set()
