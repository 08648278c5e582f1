"""`RepoService`: one adopted repository, supervised; whatever touches it goes through here.

Reads run in threads of this repository's own limit, so that a hung file system harms it alone. Writes are this
service's, not the request's: one at a time, finished though the request is cancelled. The catalog is refreshed by
one task at a time; hints only say where to look.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from rhd.access import SCAFFOLD
from rhd.errors import Detached, NotFound, Refusal
from rhd.ids import RelPath
from rhd.repos.change_log import ChangeLog
from rhd.repos.registry import Repo
from rhd.repos.scaffold import ID
from rhd.store.change_rows import ArtifactRow
from rhd.watch.hints import HintSource
from rhd.workflow.artifacts import Artifacts, Row
from rhd.workflow.catalog import Catalog, Problem, Refreshed
from rhd.workflow.git import read_git_facts
from rhd.workflow.root import Root
from rhwire.escape import escape

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_READERS = 4
READ_WITHIN_S = 30.0
LOOK_AGAIN_S = 1.0
"""How often a detached repository is looked at again without being asked to: it costs little, and it may be back."""

MAX_LOOK_AGAIN_S = 60.0
"""Likewise a broken one, in the end: each look at what it suffers from may cost much."""

RETRY_S = 2.0
FINISH_WITHIN_S = 10.0
"""How long the end of the daemon waits for a write that a file system holds up."""


class _Outcome(Generic[T]):
    """What a write came to; set once, whether or not anybody waits."""

    __slots__ = ("done", "error", "value")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.value: T | None = None
        self.error: Exception | None = None


class RepoService:
    """The owner of one adopted repository's folder, catalog and change log.

    Attributes:
        repo: as registered when the service began.
        changes: its change log, which outlives it where the repository is moved.
        state: `ok`, `detached` or `broken`.
        problem: what is wrong and what to do next, or None; an `ok` repository can have one.
        creating: held while a tool decides what it creates, so that a repeated call finds the first one's result.
        family: what its linked worktrees have in common, or None.
    """

    def __init__(self, repo: Repo, *, changes: ChangeLog, hints: HintSource, key: bytes, nursery: trio.Nursery) -> None:
        self.repo = repo
        self.changes = changes
        self.state = "broken"
        self.problem: Refusal | None = Refusal("the repository is being opened", code="REPO_BROKEN")
        self.creating = trio.Lock()
        self.family: str | None = None
        self._hints = hints
        self._key = key
        self._nursery = nursery
        self._readers = trio.CapacityLimiter(MAX_READERS)
        self._own_thread = trio.CapacityLimiter(1)
        self._writing = trio.Lock()
        self._refreshing = trio.Lock()
        self._wake = trio.Event()
        self._dirty: set[str] | None = set()
        self._via = "start"
        self._submitted = 0
        self._finished = trio.Event()
        self._root: Root | None = None
        self._catalog: Catalog | None = None
        self._is_lost = False
        self._is_retrying = False

    # -- what callers do ------------------------------------------------------------------------------------

    @property
    def artifacts(self) -> Artifacts:
        """The catalog as of the last refresh.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_BROKEN.
        """
        self._usable()
        assert self._catalog is not None
        return self._catalog.artifacts

    @property
    def catalog_problems(self) -> Collection[Problem]:
        """What the catalog could not hold, or not as it should, at the last refresh.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_BROKEN.
        """
        self._usable()
        assert self._catalog is not None
        return self._catalog.problems.values()

    @property
    def watch(self) -> str:
        """How changes are noticed: `events`, `poll` or `off`."""
        return self._hints.mode(self.repo.id) if self.state == "ok" else "off"

    async def read(self, job: Callable[[Root], T]) -> T:
        """Run `job` in a thread and return its result. Cancelling leaves the thread to end by itself.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_BROKEN, TIMEOUT, or what `job` refuses.
        """
        root = self._usable()
        with trio.move_on_after(READ_WITHIN_S):
            return await trio.to_thread.run_sync(
                self._attached, job, root, limiter=self._readers, abandon_on_cancel=True
            )
        raise Refusal("the file system did not answer in time", code="TIMEOUT")

    async def submit(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` in this service's own task and return its result; cancelling the caller does not cancel it.

        Raises:
            Exception: whatever `work` raises.
        """
        outcome: _Outcome[T] = _Outcome()
        self._submitted += 1
        self._nursery.start_soon(self._own, work, outcome)
        await outcome.done.wait()
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]

    async def write(self, job: Callable[[Root], T], *, folder: str | None) -> T:
        """Run a writing `job` in a thread, then bring the catalog of `folder` up to date; call it within `submit`.

        Jobs run one at a time, in the order of their calls.

        Args:
            folder: in which an artifact is written; None if none is.

        Raises:
            Detached: the folder is not where it was adopted.
            Refusal: REPO_BROKEN, or what `job` refuses.
        """
        async with self._writing:
            root = self._usable()
            result = await trio.to_thread.run_sync(self._attached, job, root, limiter=self._own_thread)
            if folder is not None:
                await self._refresh(frozenset({folder}), "write")
        return result

    async def settle(self) -> None:
        """Look at the whole repository again and return when the catalog says what the disk says."""
        await self._refresh(None, "asked")

    def hint(self, folders: frozenset[str] | None, via: str) -> None:
        """Note that these folders (None: any) may have changed; never waits.

        What is found is said to have been noticed by whatever hinted first since the last look.
        """
        if not self._wake.is_set():
            self._via = via
        if folders is None:
            self._dirty = None
        elif self._dirty is not None:
            self._dirty |= folders
        self._wake.set()

    def look_again(self) -> None:
        """Try a detached or broken repository again now rather than later."""
        self._wake.set()

    def _on_hint(self, _: str, folders: frozenset[str] | None, via: str) -> None:
        self.hint(folders, via)

    # -- the service's own task -----------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the repository open and its catalog true until cancelled. Nothing it meets ends it but that.

        Reports started once the catalog answers, from what was stored, or the repository is known to be unusable.
        """
        pause_s = LOOK_AGAIN_S
        is_told = False
        while True:
            try:
                await self._open()
                if not is_told:
                    task_status.started()
                    is_told = True
                pause_s = LOOK_AGAIN_S
                await self._follow()
            except Refusal as refusal:
                self._fail(refusal)
            except Exception:
                log.exception("repo-failed repo=%s", self.repo.slug)
                self._fail(Refusal("serving the repository failed", code="REPO_BROKEN"))
            finally:
                self._hints.detach(self.repo.id)
                await self._let_go()
            if not is_told:
                task_status.started()
                is_told = True
            pause_s = LOOK_AGAIN_S if self.state == "detached" else min(pause_s * 2, MAX_LOOK_AGAIN_S)
            with trio.move_on_after(pause_s):
                await self._wake.wait()
            self._wake = trio.Event()

    async def _let_go(self) -> None:
        """Close the folder once what was submitted has been written to it."""
        with trio.move_on_after(FINISH_WITHIN_S, shield=True):
            if self._submitted:
                await self._finished.wait()
        if self._root is not None:
            self._root.close()  # what threads of readers are in still finishes
            self._root = None

    async def _open(self) -> None:
        root, self.family = await trio.to_thread.run_sync(_open_own, self.repo, limiter=self._own_thread)
        with ExitStack() as undo:
            undo.enter_context(root)
            if self._catalog is None:
                known = [Row(*row) for row in await self.changes.read_catalog()]
            else:
                known = [artifact.row() for artifact in self._catalog.artifacts.all()]

            def begin() -> Catalog:
                root.sweep()  # nobody writes yet: what a killed process left behind goes
                return Catalog(root, self._key, known)

            async with self._writing:  # sweeping would take a temporary away from under a write
                self._catalog = await trio.to_thread.run_sync(begin, limiter=self._own_thread)
            self._root = root  # `_let_go` closes it
            undo.pop_all()
        self._hints.attach(self.repo.id, self.repo.path, self._on_hint)
        self._is_lost = False
        self.state, self.problem = "ok", None
        self._dirty, self._via = None, "start"
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            if self._is_lost:
                raise Detached("the repository's folder was moved, removed or replaced")
            via, dirty, self._dirty = self._via, self._dirty, set()
            await self._refresh(None if dirty is None else frozenset(dirty), via)

    async def _refresh(self, folders: frozenset[str] | None, via: str) -> None:
        async with self._refreshing:
            root, catalog = self._usable(), self._catalog
            assert catalog is not None

            def look(_: Root) -> tuple[Refreshed, list[ArtifactRow]]:
                known = catalog.folders
                refreshed = catalog.refresh(folders, partial(self._hints.arm, self.repo.id))
                self._hints.drop(self.repo.id, known - catalog.folders)
                return refreshed, [ArtifactRow(*artifact.row()) for artifact in refreshed.save]

            refreshed, saved = await trio.to_thread.run_sync(self._attached, look, root, limiter=self._own_thread)
            self.problem = worst(catalog.problems.values())
            try:
                await self.changes.append(refreshed.changes, via=via, saved=saved, removed=refreshed.delete)
            except Exception as error:
                # The log keeps what it could not write; it is announced when the disk takes it.
                log.error("changes-unsaved repo=%s reason=%s", self.repo.slug, escape(str(error)))
                self.problem = Refusal(
                    "changes cannot be recorded: the database does not take them", code="WRITE_FAILED"
                )
                if not self._is_retrying:  # or each attempt that fails would begin one more series of them
                    self._is_retrying = True
                    self._nursery.start_soon(self._record_later, via)
            if refreshed.again_after_s is not None:
                self._nursery.start_soon(self._look_later, refreshed.again, refreshed.again_after_s, via)

    async def _look_later(self, folders: frozenset[str], after_s: float, via: str) -> None:
        await trio.sleep(after_s)
        self.hint(folders, via)

    async def _record_later(self, via: str) -> None:
        await trio.sleep(RETRY_S)
        self._is_retrying = False
        self.hint(frozenset(), via)

    async def _own(self, work: Callable[[], Awaitable[T]], outcome: _Outcome[T]) -> None:
        with trio.CancelScope(shield=True):
            try:
                outcome.value = await work()
            except Exception as error:
                outcome.error = error
            finally:
                outcome.done.set()
                self._submitted -= 1
                if not self._submitted:
                    self._finished.set()
                    self._finished = trio.Event()

    def _attached(self, job: Callable[[Root], T], root: Root) -> T:
        try:
            return job(root)
        except Detached:
            trio.from_thread.run_sync(self._lose)
            raise

    def _lose(self) -> None:
        self._is_lost = True
        self._wake.set()

    def _usable(self) -> Root:
        if self._root is None or self._is_lost:
            raise self.problem or Detached("the repository's folder was moved, removed or replaced")
        return self._root

    def _fail(self, refusal: Refusal) -> None:
        state = "detached" if isinstance(refusal, Detached) else "broken"
        if (state, refusal.message) != (self.state, self.problem.message if self.problem else None):
            log.warning("repo-%s repo=%s code=%s", state, self.repo.slug, refusal.code)
        self.state, self.problem = state, refusal
        self._is_lost = True


def worst(problems: Collection[Problem]) -> Refusal | None:
    """Return one problem that stands for all of these, and says how many others there are; None if there are none."""
    if not problems:
        return None
    first = next((p for p in problems if p.code == "CATALOG_TOO_LARGE"), next(iter(problems)))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Refusal(first.message + more, code=first.code)


def _open_own(repo: Repo) -> tuple[Root, str | None]:
    """Open the repository's folder if it still is the one that was adopted (its id says so); return its family too."""
    with ExitStack() as undo:
        root = undo.enter_context(Root.open(repo.path))
        try:
            found, _ = root.read(RelPath(ID), SCAFFOLD, 64)
        except NotFound as refusal:
            raise Detached("the repository's folder no longer holds the id it was adopted with") from refusal
        if found.strip() != repo.id.encode():
            raise Detached("another repository stands where this one was adopted")
        family = read_git_facts(root).family
        undo.pop_all()
    return root, family


def describe(problem: Refusal | None) -> dict[str, Any] | None:
    """Return `{code, message, next_step}` of a problem."""
    if problem is None:
        return None
    return {"code": problem.code, "message": problem.message, "next_step": problem.next_step}
