"""`MovedFolderCheck`: finds repositories whose folder was moved with a folder above it, which no event reports.

One thread asks for all repositories in turn. Where the file system of one does not answer the visit ends, and the next
ones pass that repository over until the call has returned. Polled repositories are looked at all the time anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from rhd.hosting.thread_call import ThreadCall
from rhd.repos.repo_service import RepoService

EVERY_S = 30.0
WITHIN_S = 5.0


class _Visit:
    """One visit; `at` is the repository that is being asked for."""

    def __init__(self, services: list[RepoService]) -> None:
        self.at: RepoService | None = None
        self.lost: list[RepoService] = []
        self._services = services
        self.call = ThreadCall(self._run)

    def _run(self) -> None:
        for service in self._services:
            self.at = service
            if not service.is_attached():
                self.lost.append(service)


class MovedFolderCheck:
    """Checks all repositories twice a minute."""

    def __init__(self, services: Callable[[], Iterable[RepoService]]) -> None:
        self._services = services
        self._hanging: list[_Visit] = []

    async def run(self) -> None:
        """Visit them until cancelled."""
        while True:
            await trio.sleep(EVERY_S)
            await self.visit()

    async def visit(self) -> None:
        """Ask once, for each repository, whether its folder is where it was; have those that are lost looked at."""
        self._hanging = [visit for visit in self._hanging if not visit.call.done.is_set()]
        hanging = {visit.at for visit in self._hanging}
        visit = _Visit([s for s in self._services() if s.watch == "events" and s not in hanging])
        with trio.move_on_after(WITHIN_S):
            await visit.call.done.wait()
        if not visit.call.done.is_set():
            self._hanging.append(visit)
        for service in list(visit.lost):
            service.hint(frozenset({""}), "reconcile")
