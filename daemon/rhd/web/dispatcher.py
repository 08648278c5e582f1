"""`Dispatcher`: the ASGI application. It serves what the route table lists, and nothing else."""

from __future__ import annotations

import logging
from typing import Protocol

from rhd.asgi import Message, Receive, Scope, Send, replay
from rhd.hosting.fair_queue import IDLE_PAUSE, PAUSE, FairQueue
from rhd.oauth.authority import Authority
from rhd.oauth.grants import Bearer
from rhd.repos.registry import Registry
from rhd.web import api, guard, wellknown
from rhd.web.lazy_pages import LazyPages
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
from rhd.web.routes import METADATA, Route, find_route
from rhwire.escape import escape
from rhwire.version import VERSION

MAX_MCP_BYTES = 1024 * 1024
MAX_BODY_BYTES = {"authorize": 32 * 1024, "register": 16 * 1024, "revoke": api.MAX_BYTES, "token": api.MAX_BYTES}
MAX_WAITING_BYTES = 8 * 1024 * 1024
"""Bodies of unauthenticated requests that wait for their turn, all together."""
MAX_QUERY_FIELDS = 64
MAX_FORM_FIELDS = 1024
log = logging.getLogger(__name__)


class RequestHandler(Protocol):
    """What answers a request to an endpoint, once its token was found valid."""

    async def serve(self, resource: str, bearer: Bearer, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            resource: `hub` or a repository's id; the bearer's token is good for it.
            scope: with `state["origin"]`, the origin that the request came to, and `state["bearer"]`.
        """


class Dispatcher:
    """Decides Host, then the route; for an endpoint the token, then Origin, then the method.

    What has shown no valid token waits in a queue (`rhd.hosting.fair_queue`) before it is worked on.

    Attributes:
        origins: replaced when the settings are read again.
    """

    def __init__(
        self,
        origins: Origins,
        authority: Authority,
        registry: Registry,
        endpoints: RequestHandler,
        *,
        instance: str,
        rhctl: str = "rhctl",
        queue: FairQueue | None = None,
    ) -> None:
        """Make the application.

        Args:
            instance: identifies this daemon in the answer of /health.
            rhctl: the client as it is typed for this daemon's home.
            queue: of unauthenticated requests.
        """
        self.origins = origins
        self._authority = authority
        self._registry = registry
        self._endpoints = endpoints
        self._instance = instance
        self._pages = LazyPages(authority, registry, rhctl)
        self._queue = queue or FairQueue(PAUSE, IDLE_PAUSE)
        # What carries a proof (a code, a refresh token, a right passphrase) waits for its like alone, fairly by owner.
        self._proven = FairQueue(0)
        # A probe waits for other probes alone: /health answers whatever else goes on.
        self._probes = FairQueue(2 * self._queue.pause)
        self._waiting_bytes = 0

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
                await self._serve_unauthenticated(route, slug, origin, scope, b"", receive, send)
            elif route.handler == "mcp":
                await self._serve_bearer(route, slug, origin, scope, receive, send)
            else:
                _check_method(route, scope)
                _check_fields(scope["query_string"], MAX_QUERY_FIELDS)
                body = b""
                if scope["method"] == "POST":
                    body = await read_body(scope, receive, MAX_BODY_BYTES[route.handler])
                await self._serve_unauthenticated(route, slug, origin, scope, body, receive, send)
        except RequestRefused as refused:
            await self._refuse(scope, send, refused)

    async def _serve_bearer(
        self, route: Route, slug: str | None, origin: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        bearer = guard.check_token(scope, self._authority, self._registry, origin=origin, slug=slug)
        self._queue.begin_active()
        is_active = True

        def rest() -> None:
            nonlocal is_active
            if is_active:
                is_active = False
                self._queue.end_active()

        async def answering(message: Message) -> None:
            rest()  # the answer may be a stream that lasts for hours
            await send(message)

        try:
            if not authenticate(scope, bearer.principal.id):
                raise RequestRefused(
                    429,
                    "limit_reached",
                    "LIMIT_REACHED: too many requests of this client are open at once",
                    [(b"retry-after", b"1")],
                )
            guard.check_page(scope, self.origins)
            _check_method(route, scope)
            check_length(scope, MAX_MCP_BYTES)
            scope = {**scope, "state": {**scope.get("state", {}), "origin": origin, "slug": slug, "bearer": bearer}}
            await self._endpoints.serve(bearer.resource, bearer, scope, bounded(receive, MAX_MCP_BYTES), answering)
        except RequestRefused as refused:
            await _send_refusal(scope, send, refused)  # it waits in no queue of unauthenticated requests
        finally:
            rest()

    async def _serve_unauthenticated(
        self, route: Route, slug: str | None, origin: str, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        """Answer in a turn. The body has been read before, and the answer is sent after it."""
        owner = None
        if route.handler == "authorize":
            _check_fields(body, MAX_FORM_FIELDS)
            await self._pages.open()
            owner = "login" if self._pages.is_proven(body) else None
        elif route.handler == "token":
            owner = api.owner_of(self._authority, body)
        is_proven = owner is not None and authenticate(scope, owner)
        sent: list[Message] = []

        async def collect(message: Message) -> None:
            sent.append(message)

        if self._waiting_bytes + len(body) > MAX_WAITING_BYTES and not is_proven:
            raise RequestRefused(503, "temporarily_unavailable", "too much is waiting here", [(b"retry-after", b"2")])
        self._waiting_bytes += len(body)
        try:
            queue = self._probes if route.handler == "health" else self._proven if is_proven else self._queue
            lane = owner if is_proven and owner else f"{scope['method']} {route.handler}"
            async with queue.take(lane, scope.get("client")):
                await self._handle(route, slug, origin, scope, body, receive, collect)
        finally:
            self._waiting_bytes -= len(body)
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
                endpoint = scope["path"].removeprefix(METADATA) or wellknown.HUB_PATH
                document = wellknown.resource_metadata(origin, slug, endpoint)
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
        is_proven = refused.proof is not None and authenticate(scope, refused.proof)
        async with (
            self._proven.take(refused.proof or "") if is_proven else self._queue.take(refused.lane, scope.get("client"))
        ):
            pass
        await _send_refusal(scope, send, refused)


def authenticate(scope: Scope, owner: str) -> bool:
    """Tell the server that a request has shown a valid token or another proof, so that its connection keeps its place.

    Args:
        owner: the grant, or what else the proof belongs to.

    Returns:
        False if the owner has too many connections in a request.
    """
    tell = scope.get("state", {}).get("authenticate")
    return tell is None or bool(tell(owner))


async def _send_refusal(scope: Scope, send: Send, refused: RequestRefused) -> None:
    await send_json(send, refused.status, refused.body, refused.headers, is_head=scope["method"] == "HEAD")


def _check_fields(form: bytes, most: int) -> None:
    """Refuse a form or query of too many fields before it is parsed."""
    if form.count(b"&") >= most:
        raise RequestRefused(400, "invalid_request", f"a form here holds at most {most} fields")


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
