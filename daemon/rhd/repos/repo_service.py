"""`RepoService`: the owner of one adopted repository.

One task writes to the repository and scans it, one job at a time: writes and scans that a caller waits for come
through a bounded queue, hints are collected until the task is free, and what is due later is a deadline of this task.
A job is finished even if its caller is cancelled. A job never waits for another job: its inner steps are plain calls.

Whatever touches the file system runs in a thread, since it may hang. The owner has one such call at a time. One that
does not return is waited for as long as the daemon runs: the repository refuses writes until it does, and is then
scanned as a whole. Reads run beside the owner, in threads of the repository's own limit, so that a file system that
hangs harms its own repository alone.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

import trio

from rhd.errors import Detached, Refusal
from rhd.hosting.wakeup import Wakeup
from rhd.metrics import Histogram
from rhd.rel_path import RelPath
from rhd.repos.change_log import NO_ORIGINS, REPOSITORY, ChangeLog
from rhd.repos.creates import Creates, DocumentWrite
from rhd.repos.disk_scan import DiskScanner
from rhd.repos.job_queue import Job, JobQueue
from rhd.repos.opening import open_own
from rhd.repos.owner_thread import OwnerThread
from rhd.repos.pending_hints import PendingHints
from rhd.repos.problems import RepoProblem, worst
from rhd.repos.registry import Repo
from rhd.store.database import Store
from rhd.watch.hints import HintSource
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.catalog import Catalog, Problem
from rhd.workflow.root import Root

T = TypeVar("T")
State = Literal["opening", "ok", "degraded", "detached", "broken"]
log = logging.getLogger(__name__)

MAX_READERS = 4
MAX_JOBS = 64
"""Writes and scans that wait for the owner; one more is refused with REPO_BUSY."""

READ_WITHIN_S = 10.0
COMPUTE_WITHIN_S = 60.0
JOB_WITHIN_S = 30.0
"""How long a caller waits for its job, its place in the queue included."""

REOPEN_S = 1.0
"""How often a detached repository is opened again: it costs little, and the folder may be back."""

MAX_REOPEN_S = 60.0
"""How often a broken one is tried again, in the end: each attempt may cost much."""

GIT_PAUSE_S = 0.02
"""How often a scan that waits for git tries again."""

REMOVABLE = ("/media/", "/run/media/", "/mnt/", "/Volumes/")
"""Where removable drives are mounted."""

REST_AFTER_S = 30.0
"""How long the folder of a repository on a removable drive is held open without being used."""


class RepoService:
    """The owner of one adopted repository's folder, catalog and change log.

    Attributes:
        repo: as registered when the service began.
        changes: its change log, which outlives the service where the repository is moved.
        family: what its linked worktrees have in common, or None.
    """

    def __init__(
        self,
        repo: Repo,
        *,
        changes: ChangeLog,
        hints: HintSource,
        key: bytes,
        store: Store,
        finish_within: Callable[[], float],
        latency: Histogram | None = None,
    ) -> None:
        """Be ready to run.

        Args:
            latency: of the time from a hint to the entry of what changed.
            finish_within: says, once the service is cancelled, how many seconds it has for what it has begun.
        """
        self.repo = repo
        self.changes = changes
        self.family: str | None = None
        self._hints = hints
        self._key = key
        self._creates = Creates(store, repo.id, key)
        self._readers = trio.CapacityLimiter(MAX_READERS)
        self._queue = JobQueue(MAX_JOBS)
        self._job: Job[Any] | None = None
        self._task: trio.lowlevel.Task | None = None
        self._wake = Wakeup()
        self._phase: Literal["opening", "ok", "detached", "broken"] = "opening"
        self._problem: RepoProblem | None = None
        self._thread = OwnerThread(repo.slug, on_hang=self._on_hang, on_return=lambda: self.hint(None, "reconcile"))
        self._root: Root | None = None
        self._catalog: Catalog | None = None
        self._is_lost = False
        self._is_away = False
        self._scanner = DiskScanner(repo.id, hints)
        self._pending = PendingHints()
        self._life = trio.CancelScope(shield=True)
        self._is_ending = False
        self._finish_within = finish_within
        self._latency = latency or Histogram()

    # -- what callers see -----------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """`opening`, `ok`, `degraded` (served, with a problem), `detached` or `broken`."""
        if self._phase == "ok" and self.problem is not None:
            return "degraded"
        return "broken" if self._phase == "opening" and self._thread.hang is not None else self._phase

    @property
    def is_served(self) -> bool:
        """Whether the repository can be read."""
        return self._phase == "ok"

    @property
    def problem(self) -> RepoProblem | None:
        """What is wrong and what to do next, or None."""
        return self._thread.hang or self._problem or self.changes.problem

    @property
    def artifacts(self) -> Artifacts:
        """The catalog as of the last scan.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_OPENING, REPO_BROKEN.
        """
        return self._usable()[1].artifacts

    @property
    def catalog_problems(self) -> Collection[Problem]:
        """What the catalog could not hold, or not as it should, at the last scan.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_OPENING, REPO_BROKEN.
        """
        return self._usable()[1].problems.values()

    @property
    def watch(self) -> str:
        """How changes are noticed: `events`, `poll` or `off`."""
        return self._hints.mode(self.repo.id) if self.is_served else "off"

    # -- what callers do ------------------------------------------------------------------------------------

    async def read(self, job: Callable[[Root], T]) -> T:
        """Run `job` in a thread and return its result. Cancelling leaves the thread to end by itself.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_OPENING, REPO_BROKEN, TIMEOUT, or what `job` refuses.
        """
        root, _ = self._usable()
        with trio.move_on_after(READ_WITHIN_S):
            try:
                return await trio.to_thread.run_sync(job, root, limiter=self._readers, abandon_on_cancel=True)
            except Detached:
                self._lose(root)
                raise
        raise Refusal("the repository's file system did not answer in time", code="TIMEOUT")

    async def compute(self, job: Callable[[], T]) -> T:
        """Run `job`, which needs no file, in one of the repository's reading threads and return its result.

        Raises:
            Refusal: TIMEOUT, or what `job` refuses.
        """
        with trio.move_on_after(COMPUTE_WITHIN_S):
            return await trio.to_thread.run_sync(job, limiter=self._readers, abandon_on_cancel=True)
        raise Refusal("the daemon did not finish in time: it has too much to do", code="TIMEOUT")

    async def write(self, job: Callable[[Root], T], *, written: RelPath | None, by: str | None = None) -> T:
        """Have the owner run a writing `job` in a thread, then bring the catalog up to date.

        Args:
            job: what writes.
            written: the artifact that is written; None if none is.
            by: the name of the client, for the change log.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_OPENING, REPO_BROKEN, REPO_BUSY, TIMEOUT (whether it was written is not known), or what
                `job` refuses.
        """

        async def work() -> T:
            result = await self._call(job)
            if written is not None:
                await self._scan_after_write(written, by)
            return result

        return await self.submit(work)

    async def write_document(self, write: DocumentWrite) -> dict[str, Any]:
        """Have the owner write a document and return `{"path", "revision", "created", …}`.

        A call that is repeated returns the first result (`rhd.repos.creates`).

        Raises:
            Conflict: WOULD_OVERWRITE or REVISION_CONFLICT.
            Refusal: as for `write`, or what the path, the file system or the database refuses.
        """

        async def work() -> dict[str, Any]:
            result, is_written = await self._creates.carry_out(write, self.artifacts, self._call)
            if is_written:
                await self._scan_after_write(RelPath(result["path"]), write.by)
            return result

        return await self.submit(work)

    async def settle(self) -> None:
        """Scan the whole repository, and return once the catalog agrees with the disk.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_OPENING, REPO_BROKEN, REPO_BUSY, TIMEOUT.
        """
        await self.submit(partial(self._scan, None, "asked"))

    async def submit(self, work: Callable[[], Awaitable[T]]) -> T:
        """Have the owner carry `work` out and return its result. Cancelling the caller does not cancel the work.

        Raises:
            Refusal: REPO_OPENING, REPO_BROKEN, REPO_DETACHED; REPO_BUSY, nothing was begun; TIMEOUT, it was begun.
            Exception: whatever `work` raises.
        """
        if trio.lowlevel.current_task() is self._task:
            raise RuntimeError("a job must not wait for another one")
        self._usable()
        if self._thread.hang is not None:
            raise _busy()
        job = self._queue.put(work)
        self._wake.set()
        with trio.move_on_after(JOB_WITHIN_S):
            return await job.result()
        raise _busy() if self._queue.withdraw(job) else _not_known()

    def hint(self, folders: frozenset[str] | None, via: str) -> None:
        """Have these folders (None: all) scanned, since they may have changed; never waits.

        The changes that are found carry the `via` of the first hint since the last scan.
        """
        self._pending.add(folders, via)
        self._wake.set()

    def is_attached(self) -> bool:
        """Say whether the folder that is served is still where it was; blocking, for a thread.

        On a removable drive it is let go of, too, if it was not used lately, so that the drive can be unmounted.
        """
        root = self._root
        if root is not None and root.path.startswith(REMOVABLE):
            root.rest(REST_AFTER_S)
        return root is None or root.is_attached()

    def reopen_now(self) -> None:
        """Try to open a detached or broken repository now rather than later."""
        self._wake.set()

    # -- the owner's task -----------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the repository open and its catalog true until cancelled; then finish what is queued, within a bound.

        Reports started once the catalog answers, from what was stored, or the repository is known to be unusable.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_when_cancelled)
            with self._life:
                await self._live(task_status)
            nursery.cancel_scope.cancel()

    async def _end_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._is_ending = True
            self._life.deadline = trio.current_time() + self._finish_within()
            self._wake.set()

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        self._task = trio.lowlevel.current_task()
        pause_s, is_told = REOPEN_S, False
        while True:
            try:
                await self._open()
                if not is_told:
                    task_status.started()
                    is_told = True
                pause_s = REOPEN_S
                await self._serve()
            except Refusal as refusal:
                if not self._is_ending:  # then the folder was closed under it, and is not lost
                    self._fail(RepoProblem.of(refusal))
                    self._tell_lost()
            except Exception:
                log.exception("repo-failed repo=%s", self.repo.slug)
                self._fail(RepoProblem.make("REPO_BROKEN", "serving the repository failed"))
            finally:
                self._close()
            if not is_told:
                task_status.started()
                is_told = True
            if self._is_ending:
                return
            pause_s = REOPEN_S if self._phase == "detached" else min(pause_s * 2, MAX_REOPEN_S)
            with trio.move_on_after(pause_s):
                await self._wake.wait()
            self._wake.clear()

    async def _open(self) -> None:
        root, self.family = await self._thread.run(self._open_root)
        self._root = root  # `_close` closes it
        if self._catalog is None:
            known = await self.changes.read_catalog()
        else:
            known = [artifact.row() for artifact in self._catalog.artifacts.all()]

        def begin() -> Catalog:
            root.sweep()  # no write is under way: what a killed process left behind goes
            return Catalog(root, self._key, known)

        self._catalog = await self._thread.run(begin)
        self._hints.attach(self.repo.id, self.repo.path, self._on_hint)
        self._is_lost = False
        self._phase, self._problem = "ok", None
        if self._is_away:
            self._is_away = False
            self._tell("restored")
        self._pending.replace(None, "restart")

    def _open_root(self) -> tuple[Root, str | None]:
        root, family = open_own(self.repo)
        if self._is_ending:  # it may have hung for longer than the service lived
            root.close()
        return root, family

    async def _serve(self) -> None:
        while True:
            self._wake.clear()  # before looking for work, so that none that comes meanwhile is missed
            if self._is_lost:
                raise Detached("the repository's folder was moved, removed or replaced")
            has_worked = False
            if (job := self._queue.take()) is not None:
                has_worked = True
                self._job = job
                await job.run()
                self._job = None
            elif self._is_ending:
                return
            if not await self._scan_if_hinted() and not has_worked:
                with trio.move_on_at(self._pending.next_due):
                    await self._wake.wait()

    async def _scan_if_hinted(self) -> bool:
        """Scan what hints name, if anything is due; return whether it was."""
        due = None if self._is_lost else self._pending.take()
        if due is None:
            return False
        before = self.changes.cursor
        await self._scan(due.folders, due.via, may_wait=True)
        if self.changes.cursor != before:
            self._latency.observe(trio.current_time() - due.since)
        return True

    async def _scan_after_write(self, written: RelPath, by: str | None) -> None:
        """Bring the catalog up to date; the write itself has been made, whatever comes of this."""
        try:
            await self._scan(frozenset({written.folder}), "event", {str(written): ("write", by)})
        except Detached:
            pass  # `_call` has noted it
        except Exception:
            log.exception("scan-failed repo=%s", self.repo.slug)
            self.hint(None, "write")

    async def _scan(
        self,
        folders: frozenset[str] | None,
        via: str,
        origins: Mapping[str, tuple[str, str | None]] = NO_ORIGINS,
        *,
        may_wait: bool = False,
    ) -> None:
        """Compare the disk with the catalog and record what changed; folders that are listed are watched from then.

        Args:
            folders: which to list; None: all.
            via: how it was noticed; of what git changed, `git` is said instead.
            origins: `via` and `by` of paths that a client has just written.
            may_wait: scan a moment later if git is writing files now.
        """
        _, catalog = self._usable()
        found = await self._call(lambda root: self._scanner.scan(root, catalog, folders, may_wait=may_wait))
        if found is None:
            self.hint(folders, via)
            self._pending.pause(GIT_PAUSE_S)
            return
        self._problem = worst(catalog.problems.values())
        self.changes.append(
            found.changes, via=via, origins={**found.origins, **origins}, saved=found.saved, removed=found.removed
        )
        if found.again_after_s is not None:
            again_via = "poll" if self.watch == "poll" else "event"  # not why this scan was made: it has found its own
            self._pending.add_later(found.again, again_via, found.again_after_s)

    def _tell_lost(self) -> None:
        """Tell once that the repository is not where it was, whatever restarts meanwhile."""
        last = self.changes.last
        if self._phase == "detached" and not self._is_away:
            self._is_away = True
            if last is None or (last.kind, last.change) != (REPOSITORY, "lost"):
                self._tell("lost")

    def _tell(self, change: str) -> None:
        self.changes.append([("", REPOSITORY, change)], via="event")

    def _on_hint(self, _: str, folders: frozenset[str] | None, via: str) -> None:
        self.hint(folders, via)

    # -- calls to the file system ---------------------------------------------------------------------------

    async def _call(self, function: Callable[[Root], T]) -> T:
        """Run `function` of the Root in a thread of the owner's."""
        root, _ = self._usable()
        try:
            return await self._thread.run(partial(function, root))
        except Detached:
            self._lose(root)
            raise

    def _on_hang(self) -> None:
        if self._job is not None:
            self._job.refuse(_not_known())
        self._queue.refuse_all(_busy)

    def _lose(self, root: Root) -> None:
        if root is self._root:
            self._is_lost = True
            self._wake.set()

    def _usable(self) -> tuple[Root, Catalog]:
        if self._phase == "ok" and not self._is_lost and self._root is not None and self._catalog is not None:
            return self._root, self._catalog
        if self.problem is not None and self._phase != "ok":
            raise self.problem.refusal()
        if self._phase == "opening":
            raise Refusal(f"{self.repo.slug} is being opened", code="REPO_OPENING")
        raise Detached("the repository's folder was moved, removed or replaced")

    def _fail(self, problem: RepoProblem) -> None:
        phase: Literal["detached", "broken"] = "detached" if problem.code == Detached.code else "broken"
        if (phase, problem) != (self._phase, self._problem):
            log.warning("repo-%s repo=%s code=%s", phase, self.repo.slug, problem.code)
        self._phase, self._problem = phase, problem

    def _close(self) -> None:
        """Let go of the folder; what readers' threads are in still finishes."""
        self._hints.detach(self.repo.id)
        if self._root is not None:
            self._root.close()
            self._root = None
        why = self._problem or RepoProblem.make("TIMEOUT", "the repository is served no longer")
        self._queue.refuse_all(why.refusal)
        if self._job is not None:  # it hangs, and the daemon ends
            self._job.refuse(_not_known())
            self._job = None


def _busy() -> Refusal:
    return Refusal("the repository has too many operations in progress, or one that does not end", code="REPO_BUSY")


def _not_known() -> Refusal:
    return Refusal(
        "the repository's file system has not answered in time; whether this was written is not known",
        code="TIMEOUT",
        next_step="Look at what is there before you repeat the call.",
    )
