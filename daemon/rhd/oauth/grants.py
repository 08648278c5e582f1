"""`Grants`: what every client may do now, in memory, exactly as the database holds it.

A grant is one login that the owner allowed. Two logins of one client never share a grant: the id of a hosted
client is the same for all of its users, and a second login may have proven less than the first.

Whatever changes clients, grants or tokens does so inside `editing`: one at a time, shielded from the cancellation
of its caller, first on disk and then here. So memory is never ahead of the disk and never disagrees with it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import trio

from rhd.access import PROFILES, Principal
from rhd.ids import RepoId, new_token
from rhd.oauth.clients import Client
from rhd.store import oauth_rows as rows
from rhd.store.database import Store

ACCESS_PREFIX = "rha_"
AHEAD_S = 300.0
"""An access token issued further in the future than this was issued by a clock that was wrong: it is refreshed."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The grant behind an access token that was presented, as of this moment.

    Attributes:
        principal: the grant and its map of repositories to profiles now.
        resource: what the token is good for: `hub`, or one repository's id.
        scopes: every profile that the grant holds anywhere.
        client_id: the OAuth client.
        expires_at: of this token, seconds since the epoch; a stream opened with it ends then.
    """

    principal: Principal
    resource: str
    scopes: tuple[str, ...]
    client_id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class GrantChange:
    """What listeners are told: the map of this grant changed, or it ended and so must its streams."""

    grant_id: str
    is_ended: bool


class KnownToken(NamedTuple):
    """A token, known by its digest."""

    kind: str
    grant_id: str
    issued_at: float
    expires_at: float


GrantedProfiles = Mapping[RepoId, Mapping[str, float]]
"""The profiles that a grant holds by repository, each with when it was granted."""

IsLive = Callable[[RepoId, str, float], bool]
"""Say whether a profile of a repository that was granted at a moment may act now."""


class LiveGrant:
    """One living grant.

    Attributes:
        profiles: what it was granted, by repository.
        principal: what it may do now: not orchestrator, where agent runs were enabled after that was granted.
        scopes: every profile that `principal` holds anywhere.
    """

    def __init__(self, row: rows.GrantRow, client: Client, held: GrantedProfiles, is_live: IsLive) -> None:
        self.id = row.id
        self.client = client
        self.resource = row.resource
        self.is_offline = row.is_offline
        self.is_loopback = row.is_loopback
        self.family = row.family
        self.created_at = row.created_at
        self.used_at = row.used_at
        self._is_live = is_live
        self.hold(held)

    def hold(self, held: GrantedProfiles) -> None:
        """Replace what is held; principals handed out before keep the old map."""
        self.held = MappingProxyType({repo_id: dict(profiles) for repo_id, profiles in held.items()})
        self.profiles = MappingProxyType({repo_id: frozenset(profiles) for repo_id, profiles in held.items()})
        self.reconsider()

    def reconsider(self) -> bool:
        """Bring `principal` in line with what is enabled now; say whether that changed it."""
        before = getattr(self, "principal", None)
        live = {
            repo_id: frozenset(name for name, at in profiles.items() if self._is_live(repo_id, name, at))
            for repo_id, profiles in self.held.items()
        }
        self.principal = Principal(self.id, self.client.name, MappingProxyType(live))
        held = frozenset[str]().union(*live.values())
        self.scopes = tuple(name for name in PROFILES if name in held)
        return self.principal != before


class StoredClient(NamedTuple):
    """A client that the owner approved, and when first."""

    client: Client
    created_at: float


class Grants:
    """Look-ups never wait."""

    def __init__(self, store: Store, clock: Callable[[], float], is_live: IsLive = lambda *_: True) -> None:
        self._store = store
        self._clock = clock
        self._is_live = is_live
        self._lock = trio.Lock()
        self._grants: dict[str, LiveGrant] = {}
        self._tokens: dict[bytes, KnownToken] = {}
        self._families: dict[bytes, str] = {}
        self._used: dict[str, float] = {}
        self._listeners: list[Callable[[GrantChange], None]] = []
        self.clients: dict[str, StoredClient] = {}
        self.codes: set[bytes] = set()

    def load(self) -> None:
        """Read everything, blocking: for the start."""
        for row in self._store.read_now(rows.read_clients):
            client = Client(row.id, row.name, tuple(row.metadata["redirect_uris"]))
            self.clients[row.id] = StoredClient(client, row.created_at)
        held: dict[str, dict[RepoId, dict[str, float]]] = {}
        for grant_id, repo_id, profile, at in self._store.read_now(rows.read_profiles):
            held.setdefault(grant_id, {}).setdefault(RepoId(repo_id), {})[profile] = at
        for grant in self._store.read_now(rows.read_grants):
            self.add(grant, self.clients[grant.client_id].client, held.get(grant.id, {}))
        for token in self._store.read_now(rows.read_tokens):
            self.keep_token(token)
        self.codes = set(self._store.read_now(rows.read_codes))

    def listen(self, listener: Callable[[GrantChange], None]) -> None:
        """Tell `listener` of every change from now on; it must not raise or wait."""
        self._listeners.append(listener)

    def authenticate(self, token: str) -> Bearer | None:
        """Return who presents this access token, or None: unknown, expired, revoked, or no access token."""
        if not token.startswith(ACCESS_PREFIX):
            return None
        known = self._tokens.get(digest_secret(token))
        now = self._clock()
        if known is None or known.kind != "access" or not known.issued_at - AHEAD_S <= now < known.expires_at:
            return None
        grant = self._grants[known.grant_id]
        self.touch(grant, now)
        return Bearer(grant.principal, grant.resource, grant.scopes, grant.client.id, known.expires_at)

    def touch(self, grant: LiveGrant, now: float) -> None:
        """Note that a grant is used."""
        grant.used_at = now
        self._used[grant.id] = now

    def owner_of_expired(self, token: str) -> str | None:
        """Return the living grant whose access token this was before it expired."""
        known = self._tokens.get(digest_secret(token))
        is_expired = known is not None and known.kind == "access" and known.expires_at <= self._clock()
        return known.grant_id if known is not None and is_expired and known.grant_id in self._grants else None

    def owner_of_secret(self, secret: str) -> str | None:
        """Return whose code or refresh token this is: a grant's id, or `login` for a code."""
        digest = digest_secret(secret)
        if digest in self.codes:
            return "login"
        known = self._tokens.get(digest)
        return known.grant_id if known is not None and known.kind == "refresh" else None

    def get(self, grant_id: str | None) -> LiveGrant | None:
        """Return the living grant with this id."""
        return self._grants.get(grant_id or "")

    def of_client(self, client_id: str) -> list[LiveGrant]:
        """Return the living grants of a client, oldest first."""
        return [g for g in self._grants.values() if g.client.id == client_id]

    def holding(self, repo_id: RepoId) -> list[LiveGrant]:
        """Return the living grants that name a repository."""
        return [g for g in self._grants.values() if repo_id in g.profiles]

    def of_family(self, family: bytes) -> LiveGrant | None:
        """Return the living grant whose refresh tokens have this family, given as its digest."""
        return self.get(self._families.get(family))

    def token(self, digest: bytes) -> KnownToken | None:
        """Return the token with this digest."""
        return self._tokens.get(digest)

    def __len__(self) -> int:
        return len(self._grants)

    @asynccontextmanager
    async def editing(self) -> AsyncIterator[None]:
        """Have everything here to oneself, until the change is on disk and in memory."""
        async with self._lock:
            with trio.CancelScope(shield=True):
                yield

    # What follows brings memory in line with a change that is on disk, inside `editing`.

    def keep_client(self, client: Client, at: float) -> None:
        """Know an approved client; one that is known keeps its first date."""
        known = self.clients.get(client.id)
        self.clients[client.id] = StoredClient(client, known.created_at if known else at)

    def add(self, row: rows.GrantRow, client: Client, held: GrantedProfiles) -> None:
        """Begin a grant."""
        self._grants[row.id] = LiveGrant(row, client, held, self._is_live)
        if row.family:
            self._families[row.family] = row.id

    def set_family(self, grant: LiveGrant, family: bytes) -> None:
        """Know what a grant's refresh tokens have in common, by its digest."""
        grant.family = family
        self._families[family] = grant.id

    def hold(self, grant_id: str, held: GrantedProfiles) -> None:
        """Replace what a grant holds, ending it if that is nothing, and tell."""
        if not held:
            self.end([grant_id])
            return
        self._grants[grant_id].hold(held)
        self._tell(GrantChange(grant_id, is_ended=False))

    def reconsider(self, repo_id: RepoId) -> None:
        """Bring the grants that name a repository in line with what is enabled there now, and tell of those changed."""
        for grant in self.holding(repo_id):
            if grant.reconsider():
                self._tell(GrantChange(grant.id, is_ended=False))

    def end(self, grant_ids: Iterable[str]) -> None:
        """End grants, their tokens included, and tell."""
        ended = [grant_id for grant_id in grant_ids if self._grants.pop(grant_id, None) is not None]
        self._tokens = {d: t for d, t in self._tokens.items() if t.grant_id in self._grants}
        self._families = {family: grant_id for family, grant_id in self._families.items() if grant_id in self._grants}
        for grant_id in ended:
            self._used.pop(grant_id, None)
            self._tell(GrantChange(grant_id, is_ended=True))

    def keep_token(self, row: rows.TokenRow) -> None:
        """Know a token."""
        self._tokens[row.digest] = KnownToken(row.kind, row.grant_id, row.issued_at, row.expires_at)

    def drop_tokens(self, digests: Iterable[bytes]) -> None:
        """Know tokens no more."""
        for digest in digests:
            self._tokens.pop(digest, None)

    # Upkeep, from the authority's own task.

    def flush_used(self) -> None:
        """Hand the moments of last use to the store, all in one write."""
        if self._used:
            used, self._used = list(self._used.items()), {}
            self._store.write_later(lambda connection: rows.touch_grants(connection, used))

    async def reload(self, sweep: Callable[[sqlite3.Connection], None]) -> list[LiveGrant]:
        """Carry out a sweep of the database, forget what it deleted, and return the grants that it ended."""
        async with self.editing():
            await self._store.write(sweep)
            living = {row.id for row in await self._store.read(rows.read_grants)}
            tokens = {row.digest for row in await self._store.read(rows.read_tokens)}
            self.codes = set(await self._store.read(rows.read_codes))
            self._tokens = {d: t for d, t in self._tokens.items() if d in tokens}
            ended = [grant for grant in self._grants.values() if grant.id not in living]
            self.end([grant.id for grant in ended])
            return ended

    def _tell(self, change: GrantChange) -> None:
        for listener in self._listeners:
            listener(change)


def digest_secret(secret: str) -> bytes:
    """Return the digest under which a token or code is stored: 256 random bits need no slow hash and no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_grant_id() -> str:
    """Return a fresh grant id, short enough to be typed."""
    return "g_" + new_token(10)
