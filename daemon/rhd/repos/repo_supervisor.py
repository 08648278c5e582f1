"""`RepoSupervisor`: keeps one `RepoService` running for each adopted repository."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress

import trio

from rhd.errors import Refusal, StoreFailed
from rhd.ids import RepoId
from rhd.metrics import Histogram
from rhd.repos.change_log import NUMBERS, REPOSITORY, ChangeLog
from rhd.repos.following import Following
from rhd.repos.moved_folder_check import MovedFolderCheck
from rhd.repos.path_threads import PathThreads
from rhd.repos.problems import RepoProblem
from rhd.repos.registry import Registry, RegistryChange, Repo
from rhd.repos.repo_service import RepoService
from rhd.store.change_rows import Head, read_heads, release_numbers, reserve_numbers
from rhd.store.database import Store
from rhd.watch.hints import HintSource
from rhwire.escape import escape

log = logging.getLogger(__name__)

MAX_OPENING = 4
"""How many repositories are opened at once at the start; the others wait."""

TURN_S = 2.0
"""How long one that is being opened counts among those: on a file system that hangs it may never end."""

FINISH_WITHIN_S = 0.4
"""How long a service that ends waits for what is queued and for a call to the file system."""

RECORD_AFTER_S = 0.01
"""Followers are told first: the thread that writes would compete with them for the interpreter."""

RETRY_S = 2.0
"""How long after the database refused changes they are handed to it again."""

READY_WITHIN_S = 10.0
"""How long a caller waits for a repository that is being opened; then it is told REPO_OPENING."""


class _Running:
    """One service and what becomes of it.

    Attributes:
        before: set once the service before it is over; None if there was none, or it is.
        ready: set once it was opened, or is no longer wanted.
        over: set once it has ended.
    """

    def __init__(self, service: RepoService, before: trio.Event | None) -> None:
        self.service = service
        self.before = before
        self.scope = trio.CancelScope()
        self.ready = trio.Event()
        self.over = trio.Event()


class RepoSupervisor:
    """Follows the registry: adopted repositories get a service, forgotten ones lose theirs, moved ones a new one.

    Attributes:
        path_threads: where paths outside of the repositories are looked at.
        following: pokes those that follow the change logs.
        latency: from the hints of changes to their entries in the change logs, of all repositories.
        finish_within_s: how long a service that ends has for what it has begun.
    """

    def __init__(self, registry: Registry, *, store: Store, hints: HintSource, key: bytes) -> None:
        self._registry = registry
        self._store = store
        self._hints = hints
        self.latency = Histogram()
        self._key = key
        self._running: dict[RepoId, _Running] = {}
        self._ending: dict[RepoId, trio.Event] = {}
        self._recording: set[ChangeLog] = set()
        self._nursery: trio.Nursery | None = None
        self._opening = trio.CapacityLimiter(MAX_OPENING)
        self.path_threads = PathThreads()
        self.finish_within_s = FINISH_WITHIN_S
        self.following = Following()
        registry.listen(self._on_change)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve every registered repository until cancelled; writes in progress are finished first."""
        # All logs before any service, whose folder may hang or be gone: a cursor is valid from the first request on.
        heads = await self._store.read(read_heads)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for repo in self._registry:
                    self._begin(repo, self._open_log(repo, heads.get(repo.id)))
                nursery.start_soon(self._reserve_numbers)
                nursery.start_soon(MovedFolderCheck(lambda: self).run)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            for service in self:
                service.changes.record_at_end()
            newest = {service.repo.id: service.changes.cursor.number for service in self}
            self._store.write_later(lambda connection: release_numbers(connection, newest))

    async def _reserve_numbers(self) -> None:
        """Reserve numbers for every log at once, so that none has to wait for the disk before it can tell a change."""
        logs = {service.repo.id: service.changes for service in self}
        reserved = {repo_id: changes.cursor.number + NUMBERS for repo_id, changes in logs.items()}
        with suppress(StoreFailed):  # each log tries again when it has something to tell
            await self._store.write(lambda connection: reserve_numbers(connection, reserved))
            for repo_id, changes in logs.items():
                changes.note_reserved(reserved[repo_id])

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
        """Return the service once it has been opened or is known to be unusable.

        Raises:
            Refusal: REPO_NOT_FOUND; it may have been forgotten meanwhile.
        """
        with trio.move_on_after(READY_WITHIN_S):
            while (found := self._running.get(repo_id)) is not None:
                await found.ready.wait()
                if self._running.get(repo_id) is found:
                    break
        return self.get(repo_id)

    def __iter__(self) -> Iterator[RepoService]:
        return iter([running.service for running in self._running.values()])

    def _on_change(self, change: RegistryChange) -> None:
        repo = change.repo
        if change.what == "adopted":
            changes = self._open_log(repo, None)
            self._begin(repo, changes)
            changes.append([("", REPOSITORY, "adopted")], via="command")
        elif change.what in ("forgotten", "moved") and (found := self._running.pop(repo.id, None)) is not None:
            self._ending[repo.id] = found.over
            found.scope.cancel()
            found.ready.set()
            if change.what == "moved":
                self._begin(repo, found.service.changes)
                found.service.changes.append([("", REPOSITORY, "moved")], via="command")
            else:
                found.service.changes.close()

    def _open_log(self, repo: Repo, head: Head | None) -> ChangeLog:
        changes = ChangeLog(self._store, repo.id, repo.log, head)
        changes.subscribe(lambda entries: self.following.tell(repo.id, entries))
        changes.on_pending = lambda: self._record_soon(repo, changes)
        return changes

    def _record_soon(self, repo: Repo, changes: ChangeLog) -> None:
        if self._nursery is None:
            changes.record_at_end()
        elif changes not in self._recording:
            self._recording.add(changes)
            self._nursery.start_soon(self._record, repo, changes)

    async def _record(self, repo: Repo, changes: ChangeLog) -> None:
        """Record what a log has told, beside the service that goes on looking; while the disk refuses, try again."""
        if not changes.has_untold:
            await trio.sleep(RECORD_AFTER_S)
        while changes.is_pending:
            try:
                await changes.record()
                changes.problem = None
            except Exception as error:
                log.error("changes-unsaved repo=%s reason=%s", repo.slug, escape(str(error)))
                code = error.code if isinstance(error, StoreFailed) else "WRITE_FAILED"
                said = "changes cannot be recorded: the database does not accept them"
                changes.problem = RepoProblem.make(code, said)
                await trio.sleep(RETRY_S)
        self._recording.discard(changes)

    def _begin(self, repo: Repo, changes: ChangeLog) -> None:
        if self._nursery is None:
            return
        service = RepoService(
            repo,
            changes=changes,
            hints=self._hints,
            key=self._key,
            store=self._store,
            finish_within=lambda: self.finish_within_s,
            latency=self.latency,
        )
        running = self._running[repo.id] = _Running(service, self._ending.get(repo.id))
        self._nursery.start_soon(self._keep, running)

    async def _keep(self, running: _Running) -> None:
        repo_id = running.service.repo.id
        try:
            # The service before this one detaches the watches of this id when it ends, which must not be ours. This one
            # waits for it even if it is cancelled, since the service after it waits for this one alone.
            if running.before is not None:
                await running.before.wait()
            with running.scope:
                async with trio.open_nursery() as nursery:
                    async with self._opening:
                        nursery.start_soon(self._open, running, nursery)
                        with trio.move_on_after(TURN_S):
                            await running.ready.wait()
        finally:
            running.ready.set()
            running.over.set()
            if self._ending.get(repo_id) is running.over:
                del self._ending[repo_id]

    async def _open(self, running: _Running, nursery: trio.Nursery) -> None:
        await nursery.start(running.service.run)
        running.ready.set()
