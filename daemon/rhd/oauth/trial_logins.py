"""`TrialLogins`: logins that the owner has made to see whether logging in works, and their removal.

A trial login is granted over the control socket alone, as `rhctl approve` grants any login, to one client, in one
repository, with the profile planner. Whatever ends it (its end, an interrupt, a kill), nothing of it stays but what the
audit says.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from rhd.errors import Refusal, StoreFailed
from rhd.ids import RepoId
from rhd.oauth.grants import Grants
from rhd.oauth.login_flow import Logins
from rhd.store import trial_rows as rows
from rhd.store.audit import AuditLog
from rhd.store.database import Store

PROFILE = "planner"
log = logging.getLogger(__name__)


class TrialLogins:
    """One trial at a time."""

    def __init__(self, store: Store, grants: Grants, logins: Logins, audit: AuditLog) -> None:
        self._store = store
        self._grants = grants
        self._logins = logins
        self._audit = audit
        self._lock = trio.Lock()
        self._code: str | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is a trial now."""
        return self._lock.locked()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have the only trial for the length of a block, and remove what is left of it then, cancelled or not."""
        async with self._lock:
            try:
                yield
            finally:
                with trio.CancelScope(shield=True):
                    try:
                        await self.remove()
                    except StoreFailed as failed:  # its row is still there: the next trial or start removes it
                        log.warning("trial-login-left reason=%s", failed.code)

    async def approve(self, code: str, client_id: str, repo_id: RepoId) -> None:
        """Grant the login that waits under a code, if it is this client's.

        Raises:
            Refusal: APPROVAL_NOT_FOUND or REPO_NOT_FOUND.
            StoreFailed: the disk refuses it.
        """
        login = self._logins.find(code)
        if login.client.id != client_id:
            raise Refusal("another client's login waits under that code", code="APPROVAL_NOT_FOUND")
        await self.remove()  # of a trial whose removal the disk refused: one is recorded at a time
        self._code = code
        await self._store.write(partial(rows.save_trial, row=rows.TrialRow(client_id, login.id)))
        await self._logins.approve(code, [repo_id], [PROFILE])

    async def remove(self) -> None:
        """Remove the trial that is recorded, once that is on disk.

        Raises:
            StoreFailed: the disk refuses it.
        """
        if self._code is not None:
            self._logins.waiting.leave(self._code)
            self._code = None
        async with self._grants.editing():
            trial = await self._store.write(rows.delete_trial)
            if trial is None:
                return
            grants = self._grants.of_client(trial.client_id)
            self._grants.end(grant.id for grant in grants)
            self._grants.clients.pop(trial.client_id, None)
        for grant in grants:
            self._audit.event("grant.end", principal=grant.id, client=grant.client.name, target="trial")
