"""`Background`: tasks that the daemon runs on its own behalf. One that fails is logged and harms itself alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

log = logging.getLogger(__name__)

PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
"""How long after a failure a service is started again: the pause doubles with each failure in a row."""

STEADY_S = 60.0
"""A service that ran for so long failed for another reason than the last time."""


class Background:
    """Starts tasks in a nursery that they cannot cancel."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def start(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `function` once; never waits."""
        self._nursery.start_soon(self._run, function, *args)

    async def keep(
        self, service: Callable[..., Awaitable[None]], on_restart: Callable[[], None] = lambda: None
    ) -> None:
        """Start a service and return once it has started; start it again whenever it fails.

        Args:
            service: takes `task_status`, and runs until it is cancelled.
            on_restart: called once it has started again.

        Raises:
            BaseException: whatever it raises before it has started for the first time.
        """
        await self._nursery.start(self._keep, service, on_restart)

    async def _run(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await function(*args)
        except Exception as error:
            log.error("task-failed task=%s", _name(function), exc_info=error)

    async def _keep(
        self,
        service: Callable[..., Awaitable[None]],
        on_restart: Callable[[], None],
        task_status: trio.TaskStatus[None],
    ) -> None:
        status, pause_s = _FirstStart(task_status, on_restart), PAUSE_S
        while True:
            began = trio.current_time()
            try:
                await service(task_status=status)
                return
            except Exception as error:
                if not status.has_started:
                    raise
                log.error("service-failed service=%s", _name(service), exc_info=error)
            pause_s = PAUSE_S if trio.current_time() - began > STEADY_S else min(pause_s * 2, MAX_PAUSE_S)
            await trio.sleep(pause_s)


class _FirstStart(trio.TaskStatus[None]):
    """The first report of a service goes to the task that starts it, later ones to `on_restart`."""

    def __init__(self, status: trio.TaskStatus[None], on_restart: Callable[[], None]) -> None:
        self.has_started = False
        self._status = status
        self._on_restart = on_restart

    def started(self, value: None = None) -> None:
        if self.has_started:
            self._on_restart()
        else:
            self.has_started = True
            self._status.started()


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
