"""`Admission`: from a request with a valid token to its endpoint, and the 403 of a profile that the grant lacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from rhd.access import HUB, Principal
from rhd.asgi import Receive, Scope, Send
from rhd.errors import HarnessError
from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.repo_servers import RepoServers
from rhd.mcpserver.sdk import MODERN_PROTOCOL_VERSIONS
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.oauth.grants import Bearer
from rhd.web.replies import RequestRefused, header
from rhd.web.wellknown import step_up


class Admission:
    """Serves what the dispatcher has admitted."""

    def __init__(self, endpoints: RepoServers, find_principal: Callable[[str], Principal | None]) -> None:
        """Serve.

        Args:
            find_principal: what a grant may do at the moment of the call, by its id; None once it has ended.
        """
        self._endpoints = endpoints
        self._find_principal = find_principal

    async def serve(self, resource: str, bearer: Bearer, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a bearer whose token is good for `resource`."""
        repo_id = None if resource == HUB else RepoId(resource)
        refuse_what_no_grant_holds(scope, bearer)
        grant_id = bearer.principal.id
        caller = Caller(
            grant_id,
            bearer.principal.label,
            is_owner=False,
            now=partial(self._find_principal, grant_id),
            lasts_s=bearer.expires_at - time.time(),
        )
        try:
            await self._endpoints.serve(repo_id, caller, bearer.client_id, scope, receive, send)
        except HarnessError as error:
            raise RequestRefused(404, "not_found", error.message) from error


def refuse_what_no_grant_holds(scope: Scope, bearer: Bearer) -> None:
    """Answer a call of the 2026 era with a step-up challenge if the grant holds the tool's profile nowhere.

    Only then: a client that is told to step up asks its user to log in again, which helps only if the login can bring
    what is missing. Everything else is the tool's own error result. The name is read from `Mcp-Name`, which the
    protocol requires to equal the body's (2026-07-28, basic/transports/streamable-http, standard request headers).

    Raises:
        RequestRefused: 403, insufficient_scope (RFC 6750 section 3.1).
    """
    if scope["method"] != "POST" or header(scope, b"mcp-protocol-version") not in MODERN_PROTOCOL_VERSIONS:
        return
    if header(scope, b"mcp-method") != "tools/call" or (spec := TOOLS.get(header(scope, b"mcp-name") or "")) is None:
        return
    if set(spec.profiles).isdisjoint(bearer.scopes):
        wanted = " ".join([*bearer.scopes, spec.profiles[0]])
        raise RequestRefused(
            403,
            "insufficient_scope",
            f"{spec.name} needs the profile {' or '.join(spec.profiles)}",
            [(b"www-authenticate", step_up(scope["state"]["origin"], scope["path"], wanted))],
        )
