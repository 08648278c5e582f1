"""What a client reads before it logs in: RFC 8414, RFC 9728 and health. Made from the request's origin alone."""

from __future__ import annotations

from typing import Any

from rhd.web.routes import METADATA

SCOPE = "planner"
"""What a client is told to ask for first: the least that is useful."""


HUB_PATH = "/mcp"


def server_metadata(origin: str) -> dict[str, Any]:
    """Return the authorization server's metadata (RFC 8414); the issuer is the origin, to the letter.

    Listing `none` alone as authentication makes a client that could do more a public one.
    """
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/authorize",
        "token_endpoint": f"{origin}/token",
        "registration_endpoint": f"{origin}/register",
        "revocation_endpoint": f"{origin}/revoke",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": [SCOPE, "offline_access"],  # some clients ask for all that stands here
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
    }


def resource_metadata(origin: str, slug: str | None, endpoint: str = HUB_PATH) -> dict[str, Any]:
    """Return an endpoint's metadata (RFC 9728); a repository that does not exist has the same.

    Args:
        endpoint: the path under which the client knows it, with or without a trailing slash: clients compare it.
    """
    return {
        "resource": origin + endpoint,
        "resource_name": "repo-harness" if slug is None else f"repo-harness: {slug}",
        "authorization_servers": [origin],
        "scopes_supported": [SCOPE],
        "bearer_methods_supported": ["header"],
    }


def challenge(origin: str, endpoint: str, *, is_token_presented: bool) -> bytes:
    """Return the value of `WWW-Authenticate`; an error is named only if a token was shown (RFC 6750 section 3.1).

    Args:
        endpoint: the path that was asked for.
    """
    error = 'error="invalid_token", ' if is_token_presented else ""
    metadata = f"{origin}{METADATA}{endpoint}"
    return f'Bearer {error}resource_metadata="{metadata}", scope="{SCOPE}"'.encode("ascii")


def step_up(origin: str, endpoint: str, scope: str) -> bytes:
    """Return the value of `WWW-Authenticate` for a token that is good but holds too little; all scopes at once."""
    metadata = f"{origin}{METADATA}{endpoint}"
    return f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{metadata}"'.encode("ascii")
