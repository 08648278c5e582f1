"""`Tokens`: the token and revocation endpoints' side of a grant (RFC 6749, OAuth 2.1, RFC 7009).

An access token is good for an hour, or for a day where the login ended at a program of the owner's own machine. A
refresh token is always issued, is good for 90 days and is rotated at each use. Its successors are derived from the
token itself and a stored salt: for a minute, a client that repeats it (in parallel, or because the answer was lost)
gets the same pair again, and the database alone leads to neither. A token repeated later was stolen, or was stolen
from: its grant ends. All refresh tokens of a grant begin with the same secret, its family, so that an old one is
recognized however often it was replaced.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from rhd.access import HUB
from rhd.oauth.errors import OAuthError
from rhd.oauth.grants import ACCESS_PREFIX, Grants, LiveGrant, digest_secret
from rhd.repos.registry import Registry
from rhd.store import oauth_rows as rows
from rhd.store.audit import NO_GRANT, AuditLog
from rhd.store.database import Store

ACCESS_S = 3600.0
LOOPBACK_ACCESS_S = 24 * 3600.0
REFRESH_S = 90 * 86400.0
GRACE_S = 60.0
REFRESH_PREFIX = "rhr_"
FAMILY_CHARS = 22
"""Of a family: 128 random bits in base64url, behind the prefix."""
MAX_ACCESS = 32
"""Living access tokens of a grant: a client that refreshes in a loop ends its own oldest ones."""
MAX_REFRESH = 64
"""Refresh tokens of a grant that are remembered, so that each can be repeated within its minute."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


class _Pair(NamedTuple):
    """What a token request is answered with, its rows, and the older tokens that had to go."""

    access: str
    refresh: str
    expires_at: float
    saved: tuple[rows.TokenRow, ...] = ()
    dropped: tuple[bytes, ...] = ()


class Tokens:
    """Issues, rotates and revokes.

    Attributes:
        loopback_access_s: how long an access token is good where the login's redirect was a loopback address.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        grants: Grants,
        audit: AuditLog,
        is_client: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self.loopback_access_s = LOOPBACK_ACCESS_S
        self._store = store
        self._registry = registry
        self._grants = grants
        self._audit = audit
        self._is_client = is_client
        self._clock = clock

    async def exchange(
        self, code: str, verifier: str, *, client_id: str, redirect_uri: str | None = None, resource: str | None = None
    ) -> dict[str, Any]:
        """Return the token response for an authorization code; a code used twice ends what it gave.

        Args:
            redirect_uri: must be the login's, if the client sends it (OAuth 2.1 does not, PKCE stands for it).
            resource: `hub` or a slug; must be the login's, if the client sends it.

        Raises:
            OAuthError: `invalid_client`, `invalid_grant` or `invalid_target`; nothing was issued.
        """
        self._check_client(client_id)
        digest = digest_secret(code)
        if digest not in self._grants.codes:
            raise self._bad_grant("login.code", "the code is unknown or expired")
        async with self._grants.editing():
            login = await self._store.read(lambda connection: rows.read_login_of_code(connection, digest))
            grant = self._grants.get(login.grant_id) if login else None
            if login is None or grant is None:
                raise self._bad_grant("login.code", "the code is unknown or expired")
            now = self._clock()
            if grant.client.id != client_id or redirect_uri not in (None, login.redirect_uri):
                raise self._bad_grant("login.code", "the code was given to another client or redirect")
            if not is_verifier_of(verifier, login.challenge):
                raise self._bad_grant("login.code", "the code_verifier is not the one of the login")
            # Only now: a used code that another client found or made up a verifier for proves no theft.
            if login.used_at is not None:
                await self._end(grant, "code-reuse")
                raise OAuthError("invalid_grant", "the code was used before; what it gave is revoked")
            if (login.expires_at or 0) <= now:
                raise self._bad_grant("login.code", "the code is unknown or expired")
            self._check_resource(grant, resource)

            family, pair = _new_pair(grant.id, now, self._lasts_s(grant))

            def change(connection: sqlite3.Connection) -> None:
                rows.use_code(connection, digest, now)
                rows.save_family(connection, grant.id, digest_secret(family))
                for row in pair.saved:
                    rows.save_token(connection, row)

            await self._store.write(change)
            self._grants.set_family(grant, digest_secret(family))
            return self._answer(grant, pair, now)

    async def refresh(self, token: str, *, client_id: str, resource: str | None = None) -> dict[str, Any]:
        """Return the token response for a refresh token.

        A `scope` in the request is not looked at: the answer says what the grant holds now, and asking for what
        the owner has taken away since must not end a connection.

        Raises:
            OAuthError: `invalid_client`, `invalid_grant` or `invalid_target`; nothing was issued.
        """
        self._check_client(client_id)
        digest, family = digest_secret(token), digest_secret(_family_of(token))
        unknown = "the refresh token is unknown, expired or revoked"
        if self._grants.of_family(family) is None:
            raise self._bad_grant("token.refresh", unknown)
        async with self._grants.editing():
            grant = self._grants.of_family(family)
            now = self._clock()
            if grant is None:
                raise self._bad_grant("token.refresh", unknown)
            if grant.client.id != client_id:
                raise self._bad_grant("token.refresh", "the refresh token was given to another client")
            self._check_resource(grant, resource)
            lasts_s = self._lasts_s(grant)
            pair = await self._store.write(
                lambda connection: _rotate(connection, token, digest, grant.id, now, lasts_s)
            )
            if pair is _EXPIRED:
                raise self._bad_grant("token.refresh", unknown)
            if pair is None:
                await self._end(grant, "token-reuse")
                raise OAuthError("invalid_grant", "the refresh token was used before; its grant is revoked")
            self._grants.touch(grant, now)
            return self._answer(grant, pair, now)

    async def revoke(self, token: str, *, client_id: str) -> None:
        """Revoke a token of this client's own; a refresh token takes its grant along. Others are left alone.

        Raises:
            OAuthError: `invalid_client`.
        """
        self._check_client(client_id)
        digest = digest_secret(token)
        if self._grants.token(digest) is None:
            return
        async with self._grants.editing():
            known = self._grants.token(digest)
            grant = self._grants.get(known.grant_id) if known else None
            if known is None or grant is None or grant.client.id != client_id:
                return
            if known.kind == "refresh":
                await self._end(grant, "client")
            else:
                await self._store.write(lambda connection: rows.delete_token(connection, digest))
                self._grants.drop_tokens([digest])

    async def _end(self, grant: LiveGrant, reason: str) -> None:
        await self._store.write(lambda connection: rows.delete_grants(connection, [grant.id]))
        self._grants.end([grant.id])
        self._audit.event("grant.end", principal=grant.id, client=grant.client.name, target=reason)

    def _answer(self, grant: LiveGrant, pair: _Pair, now: float) -> dict[str, Any]:
        for row in pair.saved:
            self._grants.keep_token(row)
        self._grants.drop_tokens(pair.dropped)
        return {
            "access_token": pair.access,
            "token_type": "Bearer",
            "expires_in": max(1, int(pair.expires_at - now)),
            "refresh_token": pair.refresh,
            "scope": " ".join([*grant.scopes, *(["offline_access"] if grant.is_offline else [])]),
        }

    def _lasts_s(self, grant: LiveGrant) -> float:
        return self.loopback_access_s if grant.is_loopback else ACCESS_S

    def _check_client(self, client_id: str) -> None:
        if not self._is_client(client_id):
            raise OAuthError("invalid_client", "the client is not known here, or no more; register again", status=401)

    def _check_resource(self, grant: LiveGrant, resource: str | None) -> None:
        if resource is None:
            return
        repo = None if grant.resource == HUB else self._registry.get(grant.resource)
        if resource != (HUB if grant.resource == HUB else repo and repo.slug):
            raise OAuthError("invalid_target", "the grant is for another resource")

    def _bad_grant(self, action: str, why: str) -> OAuthError:
        self._audit.event(action, "invalid_grant", principal=NO_GRANT)
        return OAuthError("invalid_grant", why)


def is_challenge(challenge: str) -> bool:
    """Say whether this can be a code challenge by S256: 43 characters of base64url."""
    return re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge) is not None


def is_verifier_of(verifier: str, challenge: str) -> bool:
    """Say whether a code verifier is the one that a challenge was made from (RFC 7636, S256)."""
    if not _VERIFIER.match(verifier):
        return False
    return secrets.compare_digest(_encode(hashlib.sha256(verifier.encode()).digest()), challenge)


def _new_pair(grant_id: str, now: float, lasts_s: float = ACCESS_S) -> tuple[str, _Pair]:
    """Return a new family and the first pair of it."""
    family, access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    return family, _make_pair(grant_id, now, lasts_s, ACCESS_PREFIX + access, REFRESH_PREFIX + family + refresh)


def _make_pair(grant_id: str, now: float, lasts_s: float, access: str, refresh: str) -> _Pair:
    saved = (
        rows.TokenRow(digest_secret(access), "access", grant_id, now, now + lasts_s),
        rows.TokenRow(digest_secret(refresh), "refresh", grant_id, now, now + REFRESH_S),
    )
    return _Pair(access, refresh, now + lasts_s, saved)


_EXPIRED = _Pair("", "", 0.0)


def _rotate(
    connection: sqlite3.Connection, token: str, digest: bytes, grant_id: str, now: float, lasts_s: float
) -> _Pair | None:
    """Return the successors of a refresh token, made now or within the last minute.

    Returns:
        `_EXPIRED` for one that was never used and is too old; None for one that was used before that minute, be it so
        long ago that only its family is remembered.
    """
    row = rows.read_token(connection, digest)
    if row is None:
        return None
    if row.used_at is None:
        if row.expires_at <= now:
            return _EXPIRED
        salt = secrets.token_bytes(32)
        rows.use_token(connection, row.digest, now, salt)
        rows.touch_grants(connection, [(grant_id, now)])
        pair = _make_pair(grant_id, now, lasts_s, *_derive(token, salt))
        for saved in pair.saved:
            rows.save_token(connection, saved)
        dropped = rows.trim_tokens(connection, grant_id, "access", MAX_ACCESS)
        dropped += rows.trim_tokens(connection, grant_id, "refresh", MAX_REFRESH)
        return pair._replace(dropped=tuple(dropped))
    # A clock that was set back since must not open the window for longer.
    if row.salt is None or abs(now - row.used_at) > GRACE_S:
        return None
    access, refresh = _derive(token, row.salt)
    found = rows.read_token(connection, digest_secret(access))
    return _Pair(access, refresh, found.expires_at if found else now)


def _derive(token: str, salt: bytes) -> tuple[str, str]:
    """Return the access and refresh token that follow a refresh token under a salt: a PRF keyed by its 256 bits."""
    made = [hmac.digest(token.encode(), label + salt, "sha256") for label in (b"access\0", b"refresh\0")]
    return ACCESS_PREFIX + _encode(made[0]), REFRESH_PREFIX + _family_of(token) + _encode(made[1])


def _family_of(token: str) -> str:
    """Return what a refresh token has in common with all others of its grant."""
    return token.removeprefix(REFRESH_PREFIX)[:FAMILY_CHARS] if token.startswith(REFRESH_PREFIX) else ""


def _encode(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
