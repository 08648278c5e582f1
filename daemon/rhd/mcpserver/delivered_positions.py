"""`DeliveredPositions`: the newest change that each caller was sent of each repository, where it resumes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.store.change_rows import delete_delivered, read_delivered, save_delivered, sure_numbers
from rhd.store.database import Store

UNSURE_S = 120.0
"""How long a dead connection can stay unnoticed: what was sent within this time may not have arrived."""

Positions = Mapping[RepoId, int]
"""The number of the newest change that was sent, by repository."""


class DeliveredPositions:
    """Positions on disk by caller: a grant, or a bridge on the control socket, which reconnects after a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, caller: Caller, now: Positions) -> None:
        """Record a starting position for a new listener, in case its end is not seen."""
        if caller.reconnects:
            self._save(caller, {**now, **(caller.since or {})}, is_first=True)

    async def of(self, caller: Caller, now: Positions, *, has_other_stream: bool) -> Positions:
        """Return the positions that a caller resumes from; `now` for repositories of which it was never sent a change.

        Args:
            has_other_stream: it has another stream: what surely arrived there is not sent again.
        """
        if not caller.reconnects:
            return now
        # In the writer's turn: what was submitted before, a position of this caller too, may not be on disk yet.
        recorded = await self._store.write(lambda connection: read_delivered(connection, caller.id))
        told = {**now, **(caller.since or {}), **recorded}
        if has_other_stream:
            sure = await self.sure(now, time.time())
            return {repo_id: max(number, sure.get(repo_id, 0)) for repo_id, number in told.items()}
        return told

    async def sure(self, told: Positions, at: float) -> Positions:
        """Return the part of `told` that had surely arrived at the moment `at`."""
        return await self._store.read(lambda connection: sure_numbers(connection, told, at - UNSURE_S))

    def note(self, caller: Caller, now: Positions) -> None:
        """Record that a caller was sent everything up to `now`."""
        if caller.reconnects:
            self._save(caller, now, is_first=False)

    def forget(self, grant_id: str) -> None:
        """Forget a grant that has ended."""
        self._store.write_later(lambda connection: delete_delivered(connection, grant_id))

    def _save(self, caller: Caller, told: Positions, *, is_first: bool) -> None:
        at = time.time()

        def save(connection: Any) -> None:
            numbers = told if is_first else sure_numbers(connection, told, at - UNSURE_S)
            save_delivered(connection, caller.id, numbers, at, is_first=is_first)

        if told:
            self._store.write_later(save)
