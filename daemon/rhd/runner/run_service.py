"""`RunService`: the runs of all repositories. One at a time in each, a few at once in all, the others in a queue."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import trio

from rhd.access import ORCHESTRATOR
from rhd.errors import HarnessError, Refusal
from rhd.hosting.wakeup import Wakeup
from rhd.ids import Cursor, RepoId
from rhd.logs import trace_of
from rhd.repos.change_log import REPOSITORY
from rhd.repos.registry import AgentRuns, Registry, RegistryChange, Repo
from rhd.repos.repo_service import RepoService
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.runner.agent_environment import agent_environment
from rhd.runner.agents import Agent, find_agent
from rhd.runner.outcome import Outcome, decide_outcome
from rhd.runner.preflight import Ready, look_before
from rhd.runner.run import AgentRun
from rhd.runner.run_goal import RunGoal, read_goal
from rhd.runner.run_task import RunLimits, RunTask
from rhd.runner.supervised_process import sweep
from rhd.settings import Settings
from rhd.store import run_rows as rows
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.workflow.reach import may_read

log = logging.getLogger(__name__)

TELL_REFUSED_EVERY_S = 60.0
"""A client can be refused as often as it likes; `rhctl events` is told once a minute, the audit each time."""

REPEATED_WITHIN_S = 60.0
DAY_S = 86_400.0
SAVE_EVERY_S = 1.0
SETTLE_WITHIN_S = 5.0
END_WITHIN_S = 2.8
MAX_ARTIFACTS = 100
MAX_KNOWN = 100


class RunService:
    """Starts, queues, watches and ends runs; they are on disk before they begin."""

    def __init__(
        self,
        registry: Registry,
        services: RepoSupervisor,
        store: Store,
        audit: AuditLog,
        key: bytes,
        settings: Callable[[], Settings],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Begin with nothing.

        Args:
            settings: returns those in force.
            environ: the daemon's, of which agents get a part.
        """
        self._registry = registry
        self._services = services
        self._store = store
        self._audit = audit
        self._key = key
        self._settings = settings
        self._environ = environ
        self._nursery: trio.Nursery | None = None
        self._places = trio.CapacityLimiter(1)
        self._active: dict[RepoId, AgentRun] = {}
        self._tasks: dict[str, RunTask] = {}
        self._starting: dict[RepoId, trio.Lock] = {}
        self._began: dict[str, Cursor] = {}
        self._known: dict[str, AgentRun] = {}  # the newest ones: what is on disk may lag behind them
        self._recent: dict[tuple[RepoId, str, str], AgentRun] = {}
        self._refused: dict[RepoId, float] = {}
        self._left: list[AgentRun] = []
        self._swept = trio.Event()
        self._idle = Wakeup()
        self._is_draining = False
        registry.listen(self._on_registry)

    def load(self) -> None:
        """Record as interrupted what an earlier daemon left unfinished, blocking: for the start."""

        def interrupt(connection: sqlite3.Connection) -> list[AgentRun]:
            found = [AgentRun.of_row(row) for row in rows.read_unfinished(connection)]
            for run in found:
                run.end(decide_outcome(run.progress, cause="daemon_ended"))
                rows.save_run(connection, run.to_row())
            return found

        self._left = self._store.write_now(interrupt)
        for run in self._left:
            log.warning("run-interrupted run=%s", run.id)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the runs until cancelled; then end them all, within `END_WITHIN_S`."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._sweep)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self.drain()
                with trio.move_on_after(END_WITHIN_S, shield=True):
                    while self._active:
                        await self._idle.wait()
                for run in self._active.values():
                    run.scope.cancel()

    def drain(self) -> None:
        """Start nothing more, and have every run ended as interrupted."""
        self._is_draining = True
        for run in list(self._active.values()):
            self._end(run, "daemon_ended")

    async def start(
        self, repo: Repo, agent_name: str, revision: str, *, principal: str, client: str
    ) -> tuple[AgentRun, bool]:
        """Have the repository's goal carried out; return the run, once it is on disk, and whether it is new.

        Args:
            repo: the repository.
            agent_name: which agent.
            revision: of the goal, as the caller has read it.
            principal: who asks.
            client: that client's name.

        Raises:
            Refusal: DEV_RUNNER_DISABLED, AGENT_DENIED, INVALID_AGENT; NOT_FOUND, REVISION_CONFLICT, INVALID_GOAL,
                SOURCE_NOT_READABLE; RUN_ACTIVE, LIMIT_REACHED; AGENT_NOT_INSTALLED, AGENT_NOT_LOGGED_IN.
        """
        agent = find_agent(agent_name)
        try:
            return await self._start(repo, agent, revision, principal, client)
        except Refusal:
            if time.time() - self._refused.get(repo.id, 0.0) > TELL_REFUSED_EVERY_S:
                self._refused[repo.id] = time.time()
                self._announce(repo.id, "run_refused", client)
            raise

    async def _start(
        self, repo: Repo, agent: Agent, revision: str, principal: str, client: str
    ) -> tuple[AgentRun, bool]:
        self._permitted(repo, agent)
        async with self._starting.setdefault(repo.id, trio.Lock()):
            service = await self._services.ready(repo.id)
            goal = await service.read(
                lambda root: read_goal(root, self._key, revision, lambda path: service.artifacts.get(path))
            )
            recent = self._recent.get((repo.id, agent.name, goal.revision))
            if recent is not None and time.time() - recent.queued_at < REPEATED_WITHIN_S:
                return recent, False
            if (active := self._active.get(repo.id)) is not None:
                raise Refusal(
                    f"the run {active.id} is in progress in this repository",
                    code="RUN_ACTIVE",
                    details={"run_id": active.id},
                )
            await self._check_day(repo.id)
            await self._swept.wait()
            environ = agent_environment(self._environ, own=agent.variables, more=self._settings().agent_env)
            ready = await look_before(agent, environ, goal.folder)
            runs = self._permitted(repo, agent)  # the checks took a while
            run = AgentRun(repo.id, repo.path, agent.name, principal, client, goal.revision, goal.sprint)
            run.version, run.uncommitted = ready.version, ready.uncommitted
            run.allow = runs.allow if agent.takes_rules else ()
            with trio.CancelScope(shield=True):  # on disk and without an owner, it would never end
                await self._store.write(partial(rows.save_run, row=run.to_row()))
            assert self._nursery is not None
            self._active[repo.id] = self._recent[repo.id, agent.name, goal.revision] = self._known[run.id] = run
            while len(self._known) > MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._note("run.start", run)
            self._announce(repo.id, "run_started", client)
            self._nursery.start_soon(self._carry_out, run, goal, ready, environ, service)
            return run, True

    async def get(self, run_id: str, repo_id: RepoId | None = None) -> AgentRun:
        """Return a run, of any repository or of this one.

        Raises:
            Refusal: RUN_NOT_FOUND.
        """
        run = self._known.get(run_id)
        if run is None and (row := await self._store.read(lambda c: rows.read_run(c, run_id))) is not None:
            run = AgentRun.of_row(row)
        if run is None or repo_id not in (None, run.repo_id):
            raise Refusal("no agent run has that id", code="RUN_NOT_FOUND")
        return run

    async def newest(self, repo_id: RepoId | None = None, *, limit: int = 20) -> list[AgentRun]:
        """Return the newest runs of a repository, or of all, newest first."""
        found = await self._store.read(lambda c: rows.read_runs(c, repo_id, limit=limit))
        return [self._known.get(row.id) or AgentRun.of_row(row) for row in found]

    def in_progress(self) -> list[AgentRun]:
        """Return the runs that have not ended."""
        return list(self._active.values())

    def active(self, repo_id: RepoId) -> AgentRun | None:
        """Return the run that is queued or running in a repository."""
        return self._active.get(repo_id)

    def ahead(self, run: AgentRun) -> int | None:
        """Return how many queued runs come before a queued one; None for others."""
        if run.state != "queued":
            return None
        return sum(other.state == "queued" and other.queued_at < run.queued_at for other in self._active.values())

    async def read_items(self, run_id: str, after: int = 0) -> list[rows.ItemRow]:
        """Return a page of what a run's agent did after a number, oldest first: for the owner alone."""
        task = self._tasks.get(run_id)
        items = task.take_items() if task is not None else []
        # Also without any: those that are queued to be written are on disk then.
        await self._store.write(partial(rows.save_items, run_id=run_id, items=items))
        return await self._store.read(lambda c: rows.read_items(c, run_id, after=after))

    async def cancel(self, run: AgentRun, cause: str) -> None:
        """Have a run ended, and return once it has; one that has ended already stays as it is."""
        self._end(run, cause)
        while not run.has_ended:
            await run.news.wait()

    async def look(self, run: AgentRun) -> None:
        """Bring the cards and artifacts of a run that has not ended up to date."""
        since = self._began.get(run.id)
        if since is None:
            return
        run.cards = self.cards(run)
        try:
            found = await self._services.get(run.repo_id).changes.since(since)
        except HarnessError:
            return
        paths = [entry.path for entry in found.changes if entry.path and may_read(ORCHESTRATOR.reach, entry.path)]
        run.artifacts = list(dict.fromkeys(paths))[:MAX_ARTIFACTS]

    def cards(self, run: AgentRun) -> tuple[int, int] | None:
        """Return done and total of the task cards of a run's sprint, as they stand now."""
        try:
            artifact = self._services.get(run.repo_id).artifacts.get(run.sprint)
        except HarnessError:
            return None
        return artifact.outline.cards if artifact is not None else None

    def _permitted(self, repo: Repo, agent: Agent) -> AgentRuns:
        runs = self._registry.runs_enabled(repo.id)
        if self._is_draining:
            raise Refusal("the daemon is ending", code="TIMEOUT", next_step="Try again in a moment.")
        if runs is None:
            raise Refusal(
                "running agents is not enabled for this repository",
                code="DEV_RUNNER_DISABLED",
                next_step=f"Ask the owner to run: rhctl start {repo.slug} --profile orchestrator --enable-dev-runner",
            )
        if agent.name not in runs.agents:
            raise Refusal(
                f"{agent.name} is not among the agents that the owner allows here: {', '.join(runs.agents)}",
                code="AGENT_DENIED",
                next_step=f"Use {' or '.join(runs.agents)}.",
            )
        return runs

    async def _check_day(self, repo_id: RepoId) -> None:
        most = self._settings().agent_runs_a_day
        since = time.time() - DAY_S
        number, first = await self._store.read(lambda c: rows.count_runs(c, repo_id, since))
        if number >= most and first is not None:
            minutes = max(1, round((first - since) / 60))
            raise Refusal(
                f"this repository has had {number} runs in 24 hours, and no more are allowed (agent_runs_a_day)",
                code="LIMIT_REACHED",
                next_step=f"Try again in {minutes} minutes, or ask the owner to raise agent_runs_a_day.",
            )

    async def _sweep(self) -> None:
        for run in self._left:
            self._note("run.end", run, run.state.upper())
            self._announce(run.repo_id, f"run_{run.state}", run.client)
            try:
                await sweep(run.id)
            except Refusal as refusal:
                log.error("run-not-swept run=%s reason=%s", run.id, refusal.message)
        self._left.clear()
        self._swept.set()

    async def _carry_out(
        self, run: AgentRun, goal: RunGoal, ready: Ready, environ: Mapping[str, str], service: RepoService
    ) -> None:
        outcome: Callable[[tuple[int, int] | None], Outcome] | None = None
        self._began[run.id] = service.changes.cursor
        run.scope.shield = True  # the end of the daemon asks first, and waits; `run.scope` itself can be cancelled
        try:
            with run.scope:
                self._places.total_tokens = self._settings().agent_runs_at_once
                async with self._places:
                    outcome = await self._work(run, goal, ready, environ)
        except Exception as error:
            log.error("run-failed run=%s %s", run.id, trace_of(error))
            outcome = _failed
        with trio.move_on_after(SETTLE_WITHIN_S, shield=True):
            try:
                if run.cause != "daemon_ended":
                    await service.settle()  # the agent's last edit may not have been noticed yet
                await self.look(run)
            except HarnessError as error:
                log.warning("run-unsettled run=%s code=%s", run.id, error.code)
        del self._began[run.id]
        await self._finish(
            run, outcome(run.cards) if outcome is not None else decide_outcome(run.progress, cause=run.cause)
        )

    async def _work(
        self, run: AgentRun, goal: RunGoal, ready: Ready, environ: Mapping[str, str]
    ) -> Callable[[tuple[int, int] | None], Outcome]:
        settings = self._settings()
        task = RunTask(run, goal, ready, environ, RunLimits(settings.agent_run_s, settings.agent_stall_s))
        self._tasks[run.id] = task
        run.state, run.started_at, run.cards_before = "running", time.time(), self.cards(run)
        run.tell()
        log.info("run-started run=%s agent=%s", run.id, run.agent)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._save_progress, task)
            outcome = await task.carry_out()
            nursery.cancel_scope.cancel()
        return outcome

    async def _save_progress(self, task: RunTask) -> None:
        while True:
            self._store.write_later(partial(rows.save_run, row=task.run.to_row()))
            if items := task.take_items():
                self._store.write_later(partial(rows.save_items, run_id=task.run.id, items=items))
            await trio.sleep(SAVE_EVERY_S)

    async def _finish(self, run: AgentRun, outcome: Outcome) -> None:
        run.end(outcome)
        task = self._tasks.pop(run.id, None)
        row, items = run.to_row(), task.take_items() if task is not None else []

        def save(connection: sqlite3.Connection) -> None:
            rows.save_run(connection, row)
            rows.save_items(connection, run.id, items)

        self._store.write_later(save)
        self._note("run.end", run, "ok" if run.state == "done" else run.state.upper())
        self._announce(run.repo_id, f"run_{run.state}", run.client)
        log.info("run-ended run=%s state=%s reason=%s", run.id, run.state, run.reason)
        if self._active.get(run.repo_id) is run:
            del self._active[run.repo_id]
        run.tell()
        if not self._active:
            self._idle.set()

    def _announce(self, repo_id: RepoId, change: str, client: str) -> None:
        """Have what became of a run told by `rhctl events`, with the repository's other changes."""
        with suppress(Refusal):  # it was forgotten meanwhile
            self._services.get(repo_id).changes.append([("", REPOSITORY, change)], via="run", by=client)

    def _note(self, action: str, run: AgentRun, outcome: str = "ok") -> None:
        self._audit.event(
            action,
            outcome,
            principal=run.principal,
            client=run.client,
            repo_id=run.repo_id,
            profile=ORCHESTRATOR.name,
            target=run.id,
        )

    def _end(self, run: AgentRun, cause: str) -> None:
        """Ask for the end of a run, queued or running."""
        if run.has_ended or self._active.get(run.repo_id) is not run:
            return
        if (task := self._tasks.get(run.id)) is not None:
            task.end(cause)
        elif run.cause is None:
            run.cause = cause
            run.scope.cancel()

    def _on_registry(self, change: RegistryChange) -> None:
        run = self._active.get(change.repo.id)
        if run is None or change.what not in ("profiles", "forgotten"):
            return
        runs = self._registry.runs_enabled(change.repo.id) if change.what == "profiles" else None
        if runs is None or run.agent not in runs.agents:
            self._end(run, "not_enabled")


def _failed(_: tuple[int, int] | None) -> Outcome:
    return Outcome("failed", "not_started", "the daemon failed at this; the owner finds the reason in its log")
