"""`LocalGrants`: access over HTTP for the owner's own clients, without a browser; listed and revoked as any grant."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from rhd.access import HUB
from rhd.ids import RepoId
from rhd.oauth.clients import Client
from rhd.oauth.grants import ACCESS_PREFIX, Grants, LiveGrant, digest_secret, new_grant_id
from rhd.store import oauth_rows as rows
from rhd.store.audit import AuditLog
from rhd.store.database import Store

TOKEN_S = 24 * 3600.0
MAX_TOKENS = 32
"""Living tokens of a grant: the client asks for a new one with each of its own starts."""


class LocalToken(NamedTuple):
    """An access token of a local grant, and when it expires."""

    grant_id: str
    access_token: str
    expires_at: float


class LocalGrants:
    """Makes a grant for a repository when one is first asked for, and issues tokens for it."""

    def __init__(self, store: Store, grants: Grants, audit: AuditLog, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._grants = grants
        self._audit = audit
        self._clock = clock

    async def issue(self, name: str, repo_id: RepoId, profiles: Collection[str]) -> LocalToken:
        """Return a new access token of the local grant for a repository, on the hub's URL.

        The grant keeps what the owner has narrowed or widened it to since it was made.

        Args:
            name: how the client is listed.
            profiles: what a new grant holds.
        """
        client = Client(f"local:{repo_id}", name, ())
        token, now = ACCESS_PREFIX + secrets.token_urlsafe(32), self._clock()
        async with self._grants.editing():
            found: LiveGrant | None = next(iter(self._grants.of_client(client.id)), None)
            grant = rows.GrantRow(new_grant_id(), client.id, HUB, False, now, now, True)
            grant_id = found.id if found is not None else grant.id
            row = rows.TokenRow(digest_secret(token), "access", grant_id, now, now + TOKEN_S)

            def change(connection: sqlite3.Connection) -> list[bytes]:
                if found is None:
                    rows.save_client(connection, rows.ClientRow(client.id, client.name, client.to_metadata(), now))
                    rows.save_grant(connection, grant, [(repo_id, profile) for profile in profiles])
                rows.save_token(connection, row)
                return list(rows.trim_tokens(connection, grant_id, "access", MAX_TOKENS))

            dropped = await self._store.write(change)
            if found is None:
                self._grants.keep_client(client, now)
                self._grants.add(grant, client, {repo_id: dict.fromkeys(profiles, now)})
                self._audit.event("grant.make", principal=grant_id, client=name, repo_id=repo_id, target="local")
            self._grants.keep_token(row)
            self._grants.drop_tokens(dropped)
        return LocalToken(grant_id, token, row.expires_at)
