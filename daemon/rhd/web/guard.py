"""The guard: what is decided about a request before its content is looked at.

Host first, on every route, so that a page whose name was made to point here reaches nothing (DNS rebinding:
CVE-2025-66414, CVE-2025-66416). Then, for endpoints, who presents a token; then where the page comes from. That a
request arrives from loopback means nothing: a tunnel does too.
"""

from __future__ import annotations

from rhd.access import HUB
from rhd.asgi import Header, Scope
from rhd.oauth.authority import Authority
from rhd.oauth.grants import Bearer
from rhd.repos.registry import Registry
from rhd.web.origins import Origins
from rhd.web.replies import RequestRefused, header
from rhd.web.routes import Route
from rhd.web.wellknown import challenge

MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024
EXPOSED = b"WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After"
ALLOWED = (
    b"Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name"
)


def check_host(scope: Scope, origins: Origins) -> str:
    """Return the origin that a request came to.

    Raises:
        RequestRefused: 421, its Host is missing, stands twice, or is none of ours; 431, its headers are too large.
    """
    host = header(scope, b"host")
    origin = None if host is None else origins.of(host)
    if origin is None:
        raise RequestRefused(421, "misdirected_request", "this server is not known by that name")
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(k) + len(v) for k, v in headers) > MAX_HEADER_BYTES:
        raise RequestRefused(
            431, "headers_too_large", "the headers are too many or too large", [(b"connection", b"close")]
        )
    return origin


def check_token(scope: Scope, authority: Authority, registry: Registry, *, origin: str, slug: str | None) -> Bearer:
    """Return who presents a token that is good for this endpoint.

    The slug that was asked for is never looked up: the token's own repository is asked for its slug. So a
    repository that exists and one that does not are refused by the same steps.

    Raises:
        RequestRefused: 401, with the challenge of the endpoint.
    """
    presented = [value for key, value in scope["headers"] if key == b"authorization"]
    scheme, _, token = presented[0].decode("latin-1").partition(" ") if presented else ("", "", "")
    is_bearer = scheme.lower() == "bearer"
    bearer = authority.authenticate(token.strip(" ")) if is_bearer and len(presented) == 1 else None
    if bearer is not None:
        repo = None if bearer.resource == HUB else registry.get(bearer.resource)
        if slug == (None if bearer.resource == HUB else repo.slug if repo else ""):
            return bearer
    error = "invalid_token" if is_bearer else "unauthorized"
    why = "the token is unknown, expired, revoked or for another resource" if is_bearer else "a token is needed"
    raise RequestRefused(
        401,
        error,
        why,
        [
            (b"www-authenticate", challenge(origin, scope["path"], is_token_presented=is_bearer)),
            (b"cache-control", b"no-store"),
        ],
        lane="bad token" if is_bearer else "no token",
        proof=authority.owner_of_expired(token.strip(" ")) if is_bearer else None,
    )


def check_page(scope: Scope, origins: Origins) -> None:
    """Let a request pass that no page made, or a page that may call an endpoint.

    Raises:
        RequestRefused: 403.
    """
    found = [value for key, value in scope["headers"] if key == b"origin"]
    if found and (len(found) > 1 or not origins.allows(found[0].decode("latin-1"))):
        raise RequestRefused(403, "forbidden_origin", "pages of that origin may not call this server")


def page_of(scope: Scope, origins: Origins, route: Route) -> str | None:
    """Return the origin whose pages may read the answer: `*` where the answer is public, else an allowed origin.

    Before a token is looked at this decides nothing but who may read: a page must see the challenge, too.
    """
    if route.is_cross_origin:
        return "*"
    claimed = header(scope, b"origin") if route.handler == "mcp" else None
    return claimed if claimed is not None and origins.allows(claimed) else None


def cors(page: str) -> tuple[Header, ...]:
    """Return the headers that let a page of this origin, or of any (`*`), read the answer."""
    vary = () if page == "*" else ((b"vary", b"Origin"),)
    return (
        (b"access-control-allow-origin", page.encode("latin-1")),
        (b"access-control-expose-headers", EXPOSED),
        *vary,
    )


def preflight(page: str | None, methods: tuple[str, ...]) -> tuple[Header, ...]:
    """Return the headers of an answer to OPTIONS; a page that may not call is told nothing more than the methods."""
    names = ", ".join((*methods, "OPTIONS")).encode()
    if page is None:
        return ((b"allow", names),)
    return (
        (b"allow", names),
        (b"access-control-allow-methods", names),
        (b"access-control-allow-headers", ALLOWED),
        (b"access-control-max-age", b"600"),
    )
