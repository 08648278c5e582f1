"""The route table: everything that the public port serves. What is not in it does not exist."""

from __future__ import annotations

import re
from typing import NamedTuple

from rhd.ids import SLUG_PATTERN

METADATA = "/.well-known/oauth-protected-resource"


class Route(NamedTuple):
    """One path.

    Attributes:
        path: as it must be written; `{slug}` stands for a repository's.
        methods: that it takes, beside OPTIONS.
        handler: names who answers; `mcp` is an endpoint, behind a token.
        is_cross_origin: pages of any origin may read the answer; nothing in it depends on who asks.
    """

    path: str
    methods: tuple[str, ...]
    handler: str
    is_cross_origin: bool = False


ROUTES: tuple[Route, ...] = (
    Route("/.well-known/oauth-authorization-server", ("GET", "HEAD"), "server_metadata", True),
    Route("/.well-known/oauth-protected-resource", ("GET", "HEAD"), "resource_metadata", True),
    Route("/.well-known/oauth-protected-resource/mcp", ("GET", "HEAD"), "resource_metadata", True),
    Route("/.well-known/oauth-protected-resource/mcp/", ("GET", "HEAD"), "resource_metadata", True),
    Route("/.well-known/oauth-protected-resource/r/{slug}/mcp", ("GET", "HEAD"), "resource_metadata", True),
    Route("/.well-known/oauth-protected-resource/r/{slug}/mcp/", ("GET", "HEAD"), "resource_metadata", True),
    Route("/.well-known/openid-configuration", ("GET", "HEAD"), "server_metadata", True),
    Route("/authorize", ("GET", "POST"), "authorize"),
    Route("/health", ("GET", "HEAD"), "health"),
    Route("/mcp", ("DELETE", "GET", "POST"), "mcp"),
    Route("/mcp/", ("DELETE", "GET", "POST"), "mcp"),
    Route("/r/{slug}/mcp", ("DELETE", "GET", "POST"), "mcp"),
    Route("/r/{slug}/mcp/", ("DELETE", "GET", "POST"), "mcp"),
    Route("/register", ("POST",), "register", True),
    Route("/revoke", ("POST",), "revoke", True),
    Route("/token", ("POST",), "token", True),
)

_FIXED = {route.path: route for route in ROUTES if "{" not in route.path}
_WITH_SLUG = tuple(
    (re.compile(re.escape(route.path).replace(r"\{slug\}", rf"(?P<slug>{SLUG_PATTERN})") + r"\Z"), route)
    for route in ROUTES
    if "{" in route.path
)

if len({route.path for route in ROUTES}) != len(ROUTES):
    raise RuntimeError("a route stands twice in the table")
if list(ROUTES) != sorted(ROUTES):
    raise RuntimeError("the route table is not sorted")


def find_route(path: str) -> tuple[Route, str | None] | None:
    """Return the route of a path and the slug in it, or None. A slug is not looked up, only read."""
    if (route := _FIXED.get(path)) is not None:
        return route, None
    for pattern, route in _WITH_SLUG:
        if found := pattern.match(path):
            return route, found["slug"]
    return None
