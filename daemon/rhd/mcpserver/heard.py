"""`Heard`: how far each caller has been told of each repository's changes; one that comes back goes on from there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.store.change_rows import delete_heard, read_heard, save_heard, sure_numbers
from rhd.store.database import Store

UNSURE_S = 120.0
"""How long a connection can be dead before it is noticed: what was told since may have gone to one that was."""

Told = Mapping[RepoId, int]
"""The number of the newest change that was told, by repository."""


class Heard:
    """Positions on disk by caller: a grant, or a bridge on the control socket, which reconnects after a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, caller: Caller, now: Told) -> None:
        """Record a starting position for a new listener, in case its end is not seen."""
        if caller.reconnects:
            self._save(caller, {**now, **(caller.since or {})}, is_first=True)

    async def of(self, caller: Caller, now: Told, *, is_heard_elsewhere: bool) -> Told:
        """Return from where a caller goes on; where it has never heard, that is `now`.

        Args:
            is_heard_elsewhere: it is told on another stream: what is sure to have arrived there need not be told.
        """
        if not caller.reconnects:
            return now
        told = {
            **now,
            **(caller.since or {}),
            **await self._store.read(lambda connection: read_heard(connection, caller.id)),
        }
        if is_heard_elsewhere:
            sure = await self.sure(now, time.time())
            return {repo_id: max(number, sure.get(repo_id, 0)) for repo_id, number in told.items()}
        return told

    async def sure(self, told: Told, at: float) -> Told:
        """Return what of it was sure to have arrived at a moment."""
        return await self._store.read(lambda connection: sure_numbers(connection, told, at - UNSURE_S))

    def note(self, caller: Caller, now: Told) -> None:
        """Keep that a caller was told everything up to now."""
        if caller.reconnects:
            self._save(caller, now, is_first=False)

    def forget(self, grant_id: str) -> None:
        """Forget a grant that has ended."""
        self._store.write_later(lambda connection: delete_heard(connection, grant_id))

    def _save(self, caller: Caller, told: Told, *, is_first: bool) -> None:
        at = time.time()

        def save(connection: Any) -> None:
            numbers = told if is_first else sure_numbers(connection, told, at - UNSURE_S)
            save_heard(connection, caller.id, numbers, at, is_first=is_first)

        if told:
            self._store.write_later(save)
