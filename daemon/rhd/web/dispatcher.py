"""`Dispatcher`: the ASGI application. It serves what the route table lists, and nothing else."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Protocol

from rhd.asgi import Message, Receive, Scope, Send, replay
from rhd.hosting.fair_queue import FairQueue
from rhd.oauth.authority import Authority
from rhd.oauth.grants import Bearer
from rhd.repos.registry import Registry
from rhd.web import api, guard, wellknown
from rhd.web.lazy_pages import Pages
from rhd.web.origins import Origins
from rhd.web.replies import (
    NO_STORE,
    RequestRefused,
    bounded,
    check_length,
    read_body,
    send_empty,
    send_json,
)
from rhd.web.routes import Route, find_route
from rhwire.escape import escape
from rhwire.version import VERSION

MAX_MCP_BYTES = 1024 * 1024
MAX_FORM_BYTES = 32 * 1024
log = logging.getLogger(__name__)


class RequestHandler(Protocol):
    """What answers a request to an endpoint, once it is known who asks."""

    async def serve(self, resource: str, bearer: Bearer, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            resource: `hub` or a repository's id; the bearer's token is good for it.
            scope: with `state["origin"]`, the origin that the request came to, and `state["bearer"]`.
        """


class Dispatcher:
    """Decides Host, then the route; for an endpoint the token, then Origin, then the method.

    Attributes:
        origins: a reload replaces it.
    """

    def __init__(
        self,
        origins: Origins,
        authority: Authority,
        registry: Registry,
        endpoints: RequestHandler,
        *,
        instance: str,
        turns: FairQueue | None = None,
    ) -> None:
        """Serve.

        Args:
            instance: identifies this daemon to whoever asks for its health.
            turns: that strangers take.
        """
        self.origins = origins
        self._authority = authority
        self._registry = registry
        self._endpoints = endpoints
        self._instance = instance
        self._pages = Pages(authority, registry)
        self._turns = turns or FairQueue()
        # A probe waits for other probes alone: health is told whatever else goes on.
        self._probes = FairQueue(2 * self._turns.pause)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a WebSocket is refused before it opens (CVE-2026-59950)."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_begun = False

        async def noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._route(scope, receive, noting)
        except Exception as error:
            if not isinstance(error, RequestRefused):
                log.exception("a request to %s failed", escape(scope["path"][:80]))
            if is_begun:
                raise
            await self._refuse(scope, noting, error)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = guard.check_host(scope, self.origins)
        # A route has one spelling and needs no percent sign: what a tunnel filters by path is what is served here.
        found = None if b"%" in scope.get("raw_path", b"") else find_route(scope["path"])
        if found is None:
            raise RequestRefused(404, "not_found", "there is nothing here")
        route, slug = found
        page = guard.page_of(scope, self.origins, route)
        if page is not None:
            send = _readable(send, page)
        try:
            if scope["method"] == "OPTIONS":
                await self._serve_stranger(route, slug, origin, scope, b"", receive, send)
            elif route.handler == "mcp":
                await self._serve_bearer(route, slug, origin, scope, receive, send)
            else:
                _check_method(route, scope)
                body = await read_body(scope, receive, MAX_FORM_BYTES) if scope["method"] == "POST" else b""
                await self._serve_stranger(route, slug, origin, scope, body, receive, send)
        except RequestRefused as refused:
            await self._refuse(scope, send, refused)

    async def _serve_bearer(
        self, route: Route, slug: str | None, origin: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        bearer = guard.check_token(scope, self._authority, self._registry, origin=origin, slug=slug)
        guard.check_page(scope, self.origins)
        _check_method(route, scope)
        check_length(scope, MAX_MCP_BYTES)
        scope = {**scope, "state": {**scope.get("state", {}), "origin": origin, "slug": slug, "bearer": bearer}}
        await self._endpoints.serve(bearer.resource, bearer, scope, bounded(receive, MAX_MCP_BYTES), send)

    async def _serve_stranger(
        self, route: Route, slug: str | None, origin: str, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        """Answer in a turn; a body that drips was read before, and a reader that does not read is told after it.

        Whoever sends a right passphrase is no stranger, and does not wait for one.
        """
        is_proven = False
        if route.handler == "authorize":
            await self._pages.open()
            is_proven = self._pages.is_proven(body)
        sent: list[Message] = []

        async def collect(message: Message) -> None:
            sent.append(message)

        turns = self._probes if route.handler == "health" else self._turns
        async with nullcontext() if is_proven else turns.take():
            await self._handle(route, slug, origin, scope, body, receive, collect)
        for message in sent:
            await send(message)

    async def _handle(
        self, route: Route, slug: str | None, origin: str, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        is_head = scope["method"] == "HEAD"
        if scope["method"] == "OPTIONS":
            await send_empty(send, 204, guard.preflight(guard.page_of(scope, self.origins, route), route.methods))
            return
        match route.handler:
            case "authorize":
                await self._pages.serve(origin, self.origins, scope, replay(body, receive), send)
            case "health":
                health = {"status": "ok", "server": "repo-harness", "version": VERSION, "auth": "oauth"}
                await send_json(send, 200, {**health, "instance": self._instance}, NO_STORE, is_head=is_head)
            case "register":
                await api.register(self._authority, scope, body, send)
            case "resource_metadata":
                document = wellknown.resource_metadata(origin, slug)
                await send_json(send, 200, document, NO_STORE, is_head=is_head)
            case "revoke":
                await api.revoke(self._authority, scope, body, send)
            case "server_metadata":
                await send_json(send, 200, wellknown.server_metadata(origin), NO_STORE, is_head=is_head)
            case "token":
                await api.token(self._authority, self.origins, scope, body, send)

    async def _refuse(self, scope: Scope, send: Send, error: Exception) -> None:
        refused = (
            error if isinstance(error, RequestRefused) else RequestRefused(500, "server_error", "something failed here")
        )
        async with self._turns.take():
            pass
        await send_json(send, refused.status, refused.body, refused.headers, is_head=scope["method"] == "HEAD")


def _check_method(route: Route, scope: Scope) -> None:
    if scope["method"] not in route.methods:
        allow = ", ".join((*route.methods, "OPTIONS")).encode()
        raise RequestRefused(405, "method_not_allowed", "that method means nothing here", [(b"allow", allow)])


def _readable(send: Send, page: str) -> Send:
    """Return a `send` whose answer a page may read."""
    added = guard.cors(page)

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return send_readable


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
