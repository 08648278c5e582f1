"""`Registrations`: dynamic client registration (RFC 7591) without a table.

A client id is a signed value that carries the whole registration (RFC 7591 appendix A.5.2). So registrations take no
space, however many there are, and a restart loses none. An id is good for a login during one day; a client that the
owner approved is stored, and its id is good for as long as the client is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from rhd.oauth import redirects
from rhd.oauth.clients import MAX_ID_BYTES, Client, clean_name
from rhd.oauth.errors import OAuthError
from rhd.oauth.redirects import RedirectRules
from rhd.store.audit import NO_GRANT, AuditLog

VALID_S = 24 * 3600.0
MAX_REDIRECTS = 8
MAX_REDIRECTS_BYTES = 1024
_AHEAD_S = 300.0


def make_signer(key: bytes, purpose: str) -> URLSafeSerializer:
    """Return a signer whose values are good for `purpose` alone; itsdangerous' own default is SHA-1."""
    return URLSafeSerializer(
        key, salt=f"rhd.oauth.{purpose}.1", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


class Registrations:
    """Makes and reads client ids."""

    def __init__(
        self, key: bytes, audit: AuditLog, clock: Callable[[], float], rules: RedirectRules | None = None
    ) -> None:
        self._signer = make_signer(key, "registration")
        self._audit = audit
        self._clock = clock
        self._rules = rules or RedirectRules()

    def register(self, metadata: object) -> dict[str, Any]:
        """Return the answer to a registration request (RFC 7591 section 3.2.1).

        Whatever authentication a client asks for, it is registered as a public one, and told so.

        Raises:
            OAuthError: `invalid_redirect_uri` or `invalid_client_metadata`.
        """
        if not isinstance(metadata, dict):
            raise OAuthError("invalid_client_metadata", "the body must be a JSON object")
        uris = metadata.get("redirect_uris")
        if not isinstance(uris, list) or not uris:
            raise OAuthError("invalid_redirect_uri", "redirect_uris must name at least one redirect")
        if len(uris) > MAX_REDIRECTS or sum(len(u) for u in uris if isinstance(u, str)) > MAX_REDIRECTS_BYTES:
            raise OAuthError("invalid_client_metadata", "there are too many redirects, or they are too long")
        if refused := [uri for uri in uris if not self._rules.is_acceptable(uri)]:
            # An owner whose client cannot connect finds out here which address it wanted.
            self._audit.event("client.register", "invalid_redirect_uri", principal=NO_GRANT, target=str(refused[0]))
            raise OAuthError(
                "invalid_redirect_uri", "a redirect must be a loopback address or the callback of a known hosted client"
            )
        grant_types = metadata.get("grant_types", ["authorization_code"])
        if not isinstance(grant_types, list) or "authorization_code" not in grant_types:
            raise OAuthError("invalid_client_metadata", "grant_types must include authorization_code")
        name, issued_at = clean_name(metadata.get("client_name")), int(self._clock())
        is_native = any(redirects.is_loopback(uri) for uri in uris)
        return {
            # The nonce keeps two that register alike within a second apart.
            "client_id": self._signer.dumps([name, uris, issued_at, secrets.token_urlsafe(6)]),
            "client_id_issued_at": issued_at,
            "client_name": name,
            "redirect_uris": uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native" if is_native else "web",
        }

    def read(self, client_id: str) -> Client | None:
        """Return the client that an id of ours stands for, or None if it is another's or too old."""
        if len(client_id) > MAX_ID_BYTES:
            return None
        try:
            name, uris, issued_at, _ = self._signer.loads(client_id)
        except BadData:
            return None
        if not -_AHEAD_S <= self._clock() - issued_at <= VALID_S:
            return None
        # A copy of the database holds the key: it must not lead to a redirect that registering would refuse.
        if not all(self._rules.is_acceptable(uri) for uri in uris):
            return None
        return Client(client_id, name, tuple(uris))
