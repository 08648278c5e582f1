"""Carries out one run: starts the agent, reads what it prints, holds it to its limits, ends its tree."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import trio

from rhd.runner.agents import AGENTS
from rhd.runner.outcome import Outcome, decide_outcome
from rhd.runner.preflight import Ready
from rhd.runner.run import AgentRun
from rhd.runner.run_goal import RunGoal
from rhd.runner.run_output import read_end, read_events
from rhd.runner.run_progress import Item
from rhd.runner.supervised_process import DRAIN_S, SupervisedProcess, supervised, sweep
from rhd.store.run_rows import ItemRow

log = logging.getLogger(__name__)

MAX_ITEMS = 5000
MAX_ITEM_BYTES = 16 << 20
DENIED_TWICE, DENIED_IN_ALL = 2, 5
"""So many refusals of one action, or of any, end a run: it goes in a circle around what the owner has not allowed."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How long a run may take, and how long it may print nothing while it runs no command; in seconds."""

    run_s: float
    stall_s: float


class RunTask:
    """One run that is being carried out."""

    def __init__(
        self, run: AgentRun, goal: RunGoal, ready: Ready, environ: Mapping[str, str], limits: RunLimits
    ) -> None:
        self.run = run
        self.items: list[ItemRow] = []
        self._goal = goal
        self._ready = ready
        self._environ = environ
        self._limits = limits
        self._agent = AGENTS[run.agent]
        self._process: SupervisedProcess | None = None
        self._asked = trio.Event()
        self._errors = bytearray()
        self._count = 0
        self._bytes = 0
        self._denied: Counter[str] = Counter()
        self._heard_at = 0.0

    def end(self, cause: str) -> None:
        """Have the run ended for a reason of `rhd.runner.outcome.CAUSES`; the first reason counts."""
        if self.run.cause is None and (self._process is None or self._process.status is None):
            self.run.cause = cause
            self._asked.set()

    async def carry_out(self) -> Callable[[tuple[int, int] | None], Outcome]:
        """Run the agent to its end; return the function that decides how it ended, given the sprint's cards.

        Cancelling ends the tree too.
        """
        command = [self._ready.program, *self._agent.words(self.run.allow)]
        async with supervised(
            command, self._environ, mark=self.run.id, folder=self._goal.folder, text=self._goal.text
        ) as process:
            self._process = process
            self._heard_at = trio.current_time()
            async with trio.open_nursery() as watching:
                watching.start_soon(self._watch_limits)
                watching.start_soon(self._end_when_asked, process)
                async with trio.open_nursery() as reading:
                    overflow = partial(self.end, "output_limit")
                    reading.start_soon(read_events, process.output, self._on_event, self._on_note, overflow)
                    reading.start_soon(read_end, process.errors, self._errors)
                    await process.gone.wait()
                    reading.cancel_scope.deadline = trio.current_time() + DRAIN_S
                watching.cancel_scope.cancel()
        if process.is_lost:
            await sweep(self.run.id)
        self.run.exit_code = process.status
        errors = bytes(self._errors).decode("utf-8", "replace")
        if errors.strip():
            self._add(Item("note", errors))
        return lambda cards: decide_outcome(
            self.run.progress,
            cause=self.run.cause,
            failure=process.failure,
            status=process.status,
            cards=cards,
            errors=errors,
        )

    def take_items(self) -> list[ItemRow]:
        """Return what has been noted since the last call."""
        items, self.items = self.items, []
        return items

    async def _end_when_asked(self, process: SupervisedProcess) -> None:
        await self._asked.wait()
        await process.end()

    async def _watch_limits(self) -> None:
        """Ask for the end when the run takes too long, or prints nothing for too long."""
        ends_at = trio.current_time() + self._limits.run_s
        while True:
            stalls_at = max(self._heard_at, self._looked_at()) + self._limits.stall_s
            await trio.sleep_until(min(ends_at, stalls_at))
            now = trio.current_time()
            if now >= ends_at:
                self.end("time_limit")
                return
            if now >= self._heard_at + self._limits.stall_s and not self.run.progress.running:
                self.end("no_output")
                return

    def _looked_at(self) -> float:
        """Return from when silence counts: not while a command is in progress."""
        return trio.current_time() if self.run.progress.running else 0.0

    def _on_event(self, event: Mapping[str, Any]) -> None:
        progress = self.run.progress
        try:
            items = self._agent.read(event, progress)
        except Exception as error:  # another program's event can have any shape
            log.warning("run-event-unread run=%s reason=%s", self.run.id, type(error).__name__)
            return
        if not progress.is_waiting:
            self._heard_at = trio.current_time()
        for item in items:
            self._add(item)
            if item.kind == "denied":
                self._denied[item.text] += 1
                is_check = bool(item.text.strip()) and item.text.strip() in self._goal.sprint_text
                if is_check or self._denied[item.text] >= DENIED_TWICE or progress.denied >= DENIED_IN_ALL:
                    self.end("blocked")
        self.run.tell()

    def _on_note(self, text: str) -> None:
        self._add(Item("note", text))

    def _add(self, item: Item) -> None:
        """Keep an item for the owner, within bounds."""
        size = len(item.text) + len(item.output or "")
        if self._count >= MAX_ITEMS or self._bytes + size > MAX_ITEM_BYTES:
            return
        self._count += 1
        self._bytes += size
        self.items.append(ItemRow(self._count, time.time(), asdict(item)))
