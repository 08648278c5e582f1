"""`Authority`: the authorization server as the rest of the daemon sees it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import trio

from rhd.access import HUB, PROFILES, Principal
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.oauth.client_metadata import MetadataDocuments
from rhd.oauth.clients import Client
from rhd.oauth.fetching import Network
from rhd.oauth.grants import Bearer, GrantChange, Grants, LiveGrant
from rhd.oauth.local_grants import LocalGrants
from rhd.oauth.login import VALID_S, Login
from rhd.oauth.login_flow import Logins
from rhd.oauth.redirects import RedirectRules
from rhd.oauth.registration import Registrations
from rhd.oauth.tokens import GRACE_S, Tokens
from rhd.oauth.trial_logins import TrialLogins
from rhd.oauth.wrong_passphrases import WrongPassphrases
from rhd.repos.registry import Registry, RegistryChange
from rhd.settings import Settings
from rhd.store import meta
from rhd.store import oauth_rows as rows
from rhd.store.audit import AuditLog
from rhd.store.database import Store
from rhd.store.trial_rows import delete_trial

FLUSH_EVERY_S = 30.0
SWEEP_EVERY_S = 3600.0
UNUSED_S = 90 * 86400.0
LINGER_S = 7 * 86400.0
"""Expired tokens stay in the database for a week: a clock that was set wrong and set right again ended nothing."""
KEY = "oauth.key"


@dataclass(frozen=True, slots=True)
class ConnectedClient:
    """One line of `rhctl clients`: a grant, or a client that holds none any more but may log in again.

    Attributes:
        id: the grant's id, or the client's handle; what `rhctl grant` and `revoke` are given.
        client_id: the OAuth client.
        name: what it calls itself; escape before printing.
        host: the host whose document describes it, or None for one that registered itself.
        resource: `hub`, a repository's id, or None.
        profiles: by repository.
        since: seconds since the epoch.
        used_at: of the last call, or None.
    """

    id: str
    client_id: str
    name: str
    host: str | None
    resource: str | None
    profiles: Mapping[RepoId, frozenset[str]]
    since: float
    used_at: float | None


class Authority:
    """Opens with `load`, works while `run` runs.

    Attributes:
        registrations: dynamic registration.
        logins: from request to code.
        tokens: from code to tokens, refresh, revocation.
        trials: logins that the owner makes to see whether logging in works.
        wrong: the count of wrong passphrases.
        local: grants of the owner's own clients.
        redirects: the callbacks that are accepted.
    """

    registrations: Registrations
    logins: Logins
    tokens: Tokens
    trials: TrialLogins

    def __init__(
        self,
        store: Store,
        registry: Registry,
        audit: AuditLog,
        *,
        network: Network | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._registry = registry
        self._audit = audit
        self._clock = clock
        self._grants = Grants(store, clock, self._is_live)
        self.redirects = RedirectRules()
        self._documents = MetadataDocuments(clock, network, self.redirects)
        self.wrong = WrongPassphrases(audit)
        self.local = LocalGrants(store, self._grants, audit, clock)

    def load(self) -> None:
        """Read everything and make the signing key if there is none, blocking: for the start, before `run`.

        That key signs registrations and logins that are not answered yet: a copy of the database gives it away, and
        with it only what any client may ask for. What proves a passphrase is signed with a key in memory.
        """
        key = self._store.write_now(lambda connection: meta.get_or_make(connection, KEY))
        self._store.write_now(delete_trial)  # of a daemon that was killed during a trial
        self._grants.load()
        self._registry.listen(self._follow_registry)
        self.registrations = Registrations(key, self._audit, self._clock, self.redirects)
        self.logins = Logins(
            self._store,
            self._registry,
            self._grants,
            self._audit,
            self.wrong,
            self.find_client,
            key,
            self._clock,
            self.redirects,
        )
        self.trials = TrialLogins(self._store, self._grants, self.logins, self._audit)
        self.tokens = Tokens(self._store, self._registry, self._grants, self._audit, self._is_client, self._clock)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write last uses and sweep, until cancelled; last uses that wait then are still handed over."""
        task_status.started()
        try:
            while True:
                await self.sweep()
                for _ in range(int(SWEEP_EVERY_S / FLUSH_EVERY_S)):
                    await trio.sleep(FLUSH_EVERY_S)
                    self._grants.flush_used()
        finally:
            self._grants.flush_used()

    def take_over(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self.redirects.further = frozenset(settings.further_redirects)
        self.tokens.loopback_access_s = float(settings.loopback_token_s)

    def _follow_registry(self, change: RegistryChange) -> None:
        """Bring grants in line with what was just started or stopped; for `Registry.listen`."""
        if change.what == "profiles":
            self._grants.reconsider(change.repo.id)

    def drain(self) -> None:
        """Answer every page that waits for the owner: it comes back to the next daemon by itself."""
        self.logins.waiting.waits.end()

    def listen(self, listener: Callable[[GrantChange], None]) -> None:
        """Tell `listener` of every grant that changes or ends from now on; it must not raise or wait."""
        self._grants.listen(listener)

    def authenticate(self, token: str) -> Bearer | None:
        """Return who presents this access token, or None; from memory, in microseconds."""
        return self._grants.authenticate(token)

    def owner_of_expired(self, token: str) -> str | None:
        """Return the living grant whose access token this was before it expired, or None."""
        return self._grants.owner_of_expired(token)

    def owner_of_secret(self, secret: str) -> str | None:
        """Return whose code or refresh token this is: a grant's id, `login` for a code, or None. From memory."""
        return self._grants.owner_of_secret(secret)

    def principal(self, grant_id: str) -> Principal | None:
        """Return what a grant may do now; None once it has ended."""
        grant = self._grants.get(grant_id)
        return grant.principal if grant is not None else None

    async def find_client(self, client_id: str) -> Client | None:
        """Return the client with this id: approved, registered within the last day, or described by a document."""
        stored = self._grants.clients.get(client_id)
        if client_id.startswith("https://"):
            return await self._documents.find(client_id) or (stored and stored.client)
        return stored.client if stored else self.registrations.read(client_id)

    def clients(self, repo_id: RepoId | None = None) -> list[ConnectedClient]:
        """Return who is connected, oldest first; with `repo_id`, who may reach that repository."""
        out = []
        for client, known_at in self._grants.clients.values():
            grants = self._grants.of_client(client.id)
            out += [_connected(grant) for grant in grants]
            if not grants:
                out.append(
                    ConnectedClient(client.handle, client.id, client.name, client.host, None, {}, known_at, None)
                )
        return sorted((c for c in out if repo_id is None or repo_id in c.profiles), key=lambda c: c.since)

    def pending(self, code: str) -> Login:
        """Return the login that waits for the owner's word under a code.

        Raises:
            Refusal: APPROVAL_NOT_FOUND.
        """
        return self.logins.find(code)

    async def approve(self, code: str, repos: Iterable[RepoId], profiles: Iterable[str]) -> str:
        """Answer a waiting login; return the grant's id once it is on disk. Its page goes on by itself.

        Raises:
            Refusal: APPROVAL_NOT_FOUND, INVALID_ARGUMENT or REPO_NOT_FOUND.
        """
        return await self.logins.approve(code, repos, profiles)

    async def deny(self, code: str) -> None:
        """Refuse a waiting login, once that is on disk.

        Raises:
            Refusal: APPROVAL_NOT_FOUND.
        """
        await self.logins.deny(code)

    async def widen(self, client: str, repo_id: RepoId, profile: str) -> list[ConnectedClient]:
        """Let a client's grants act with one more profile in a repository, from the next call on; return these grants.

        Args:
            client: a grant's id, a client's id or handle, or a name, which stands for every client of that name.

        Raises:
            Refusal: CLIENT_NOT_FOUND; INVALID_ARGUMENT; NO_GRANT, none of them reaches this repository.
        """
        if profile not in PROFILES:
            raise Refusal(f"there is no profile {profile!r}", code="INVALID_ARGUMENT")
        if self._registry.get(repo_id) is None:
            raise Refusal("no such repository is adopted", code="REPO_NOT_FOUND")
        async with self._grants.editing():
            reaching = [g for g in self._find(client)[1] if g.resource in (HUB, repo_id)]
            if not reaching:
                raise Refusal("the client holds no grant that reaches that repository", code="NO_GRANT")
            now = self._clock()

            def change(connection: sqlite3.Connection) -> None:
                for grant in reaching:
                    rows.save_profile(connection, grant.id, repo_id, profile, now)

            await self._store.write(change)
            for grant in reaching:
                held = grant.held.get(repo_id, {})
                self._grants.hold(grant.id, {**grant.held, repo_id: {**held, profile: now}})
                self._audit.event("grant.widen", client=grant.client.name, repo_id=repo_id, profile=profile)
        return [_connected(grant) for grant in reaching]

    async def revoke(self, client: str, repo_id: RepoId | None = None) -> list[ConnectedClient]:
        """Take a repository out of a client's grants, or without one end them; return the grants as they were.

        A client that then has no grant is forgotten.

        Args:
            client: a grant's id, a client's id or handle, or a name, which stands for every client of that name.

        Raises:
            Refusal: CLIENT_NOT_FOUND; NO_GRANT, none of them reaches that repository.
        """
        async with self._grants.editing():
            clients, grants = self._find(client)
            if repo_id is not None:
                grants = [g for g in grants if repo_id in g.profiles]
                if not grants:
                    raise Refusal("the client does not reach that repository", code="NO_GRANT")
            before = [_connected(grant) for grant in grants]
            if repo_id is not None:
                await self._store.write(
                    partial(rows.delete_profiles, grant_ids=[g.id for g in grants], repo_id=repo_id)
                )
                self._take_out(grants, repo_id, "revoke")
                return before
            ending = {g.id for g in grants}
            forgotten = [c.id for c in clients if all(g.id in ending for g in self._grants.of_client(c.id))]

            def change(connection: sqlite3.Connection) -> None:
                rows.delete_grants(connection, ending)
                for client_id in forgotten:
                    rows.delete_client(connection, client_id)

            await self._store.write(change)
            self._grants.end(ending)
            for client_id in forgotten:
                del self._grants.clients[client_id]
        for grant in grants:
            self._audit.event("grant.end", client=grant.client.name, target="revoke")
        return before

    async def rotate(self, repo_id: RepoId, *, drop: bool) -> str:
        """Replace a repository's passphrase and return the new one; the old one is dead at once.

        Args:
            drop: take the repository out of every grant too, in the same transaction.
        """
        async with self._grants.editing():
            grants = self._grants.holding(repo_id) if drop else []
            also = partial(rows.delete_profiles, grant_ids=[g.id for g in grants], repo_id=repo_id)
            passphrase = await self._registry.rotate_passphrase(repo_id, also=also if grants else None)
            self._take_out(grants, repo_id, "rotate")
        self._audit.event("passphrase.rotate", repo_id=repo_id, target="drop" if drop else "keep")
        return passphrase

    async def forget(self, repo_id: RepoId) -> None:
        """Forget a repository and take it out of every grant; those that reached it alone end."""
        async with self._grants.editing():
            await self._registry.forget(repo_id)
            self._take_out(self._grants.holding(repo_id), repo_id, "forget")

    async def sweep(self) -> None:
        """Delete what can no longer matter, and end the grants that were not used for 90 days."""
        self._grants.flush_used()
        now = self._clock()
        ended = await self._grants.reload(
            partial(
                rows.sweep,
                expired_before=now - LINGER_S,
                decided_before=now - 2 * VALID_S,
                salted_before=now - GRACE_S,
                unused_before=now - UNUSED_S,
            )
        )
        for grant in ended:
            self._audit.event("grant.end", principal=grant.id, client=grant.client.name, target="unused")

    def _take_out(self, grants: Iterable[LiveGrant], repo_id: RepoId, why: str) -> None:
        for grant in grants:
            left = {k: v for k, v in grant.held.items() if k != repo_id}
            self._grants.hold(grant.id, left)
            action = "grant.narrow" if left else "grant.end"
            self._audit.event(action, client=grant.client.name, repo_id=repo_id, target=why)

    def _find(self, client: str) -> tuple[list[Client], list[LiveGrant]]:
        """Return the clients that a word of the owner's names, and their grants, or the one grant with that id."""
        if (grant := self._grants.get(client)) is not None:
            return [grant.client], [grant]
        known = [stored.client for stored in self._grants.clients.values()]
        matching = [c for c in known if client in (c.id, c.handle)] or [
            c for c in known if c.name.lower() == client.lower()
        ]
        if not matching:
            raise Refusal("no connected client has that id or name", code="CLIENT_NOT_FOUND")
        return matching, [grant for each in matching for grant in self._grants.of_client(each.id)]

    def _is_live(self, repo_id: RepoId, profile: str, granted_at: float) -> bool:
        """Say whether a profile may act: orchestrator only where runs are enabled, and not if granted before that."""
        if profile != "orchestrator":
            return True
        runs = self._registry.runs_enabled(repo_id)
        return runs is not None and granted_at >= runs.since

    def _is_client(self, client_id: str) -> bool:
        # The address of a document is never re-registered: its owner can only log in again, which invalid_grant says.
        return (
            client_id in self._grants.clients
            or client_id.startswith("https://")
            or self.registrations.read(client_id) is not None
        )


def _connected(grant: LiveGrant) -> ConnectedClient:
    client = grant.client
    # The column starts with the time at which the grant was made, which was no call.
    used_at = grant.used_at if grant.used_at > grant.created_at else None
    return ConnectedClient(
        grant.id, client.id, client.name, client.host, grant.resource, grant.profiles, grant.created_at, used_at
    )
