"""`Notifier`: tells every connected client what changed, in both protocol eras, over HTTP and over the socket.

One log, three readers: this is the one for clients that listen. Publishing never waits for a client; each listener
hears only of what its grant reaches at that moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import mcp_types as types
import trio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.heard import Heard, Told
from rhd.mcpserver.listeners import (
    MAX_URIS,
    Batch,
    Listener,
    acknowledgement,
    canonical,
    known_cursors,
    make_batch,
    notification,
    readers_of,
)
from rhd.mcpserver.outbox import RESOURCES, TOOLS, Event
from rhd.mcpserver.sdk import MODERN_PROTOCOL_VERSIONS, connection_key, on_connection_end
from rhd.mcpserver.streams import Ping, Tell, stream_of
from rhd.mcpserver.uris import SCHEME, make_uri, parse_uri
from rhd.repos.change_log import ChangeEntry
from rhd.repos.registry import Registry, RegistryChange, Repo
from rhd.repos.repo_service import RepoService
from rhd.repos.supervisor import Supervisor
from rhd.store.database import Store

log = logging.getLogger(__name__)

MAX_STREAMS_PER_CALLER = 32

Send = Callable[[Event], Awaitable[None]]


class Notifier:
    """Every listener of the daemon, and what each is told."""

    def __init__(self, registry: Registry, services: Supervisor, store: Store) -> None:
        self._registry = registry
        self._services = services
        self._heard = Heard(store)
        self._listeners: dict[Listener, None] = {}  # in order of opening
        self._sessions: dict[int, Listener] = {}
        self._streaming: set[str] = set()  # the HTTP sessions whose client holds a stream to be told on
        self._nursery: trio.Nursery | None = None
        self._is_draining = False
        services.listen(self._on_changes)
        registry.listen(self._on_registry)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the senders of handshake-era sessions until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    @property
    def has_listeners(self) -> bool:
        """Whether anybody hears of changes at this moment; may be asked in any thread."""
        return any(listener.hears_changes for listener in list(self._listeners))

    def drain(self) -> None:
        """End every HTTP stream of the 2026 era gracefully: its client is told to come back.

        Streams on the control socket end with their connection: the bridge requests them again from the next daemon,
        while an answer would make its client believe that the stream is over.
        """
        self._is_draining = True
        for listener in list(self._listeners):
            if not listener.caller.is_owner:
                listener.box.close()

    # -- handshake era: a session listens whenever its client holds a stream ------------------------------------

    def middleware(self, caller_of: Callable[[ServerRequestContext[Any, Any]], Caller], repo_id: RepoId | None) -> Any:
        """Return SDK middleware that registers every handshake-era session of one endpoint."""

        async def register(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
            if ctx.method == "notifications/initialized" and ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
                self._register(ctx, caller_of(ctx), repo_id)
            return await call_next(ctx)

        return register

    def _register(self, ctx: ServerRequestContext[Any, Any], caller: Caller, repo_id: RepoId | None) -> None:
        key = connection_key(ctx)
        if key in self._sessions or self._nursery is None:
            return
        session_id = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        listener = Listener(caller, repo_id, is_session=True, hears_resources=True, hears_tools=True)
        listener.session_id = session_id
        self._begin(listener)
        session = ctx.session

        async def send(event: Event) -> None:
            if event.what == "tools":
                await session.send_tool_list_changed()
            elif event.what == "resources":
                await session.send_resource_list_changed()
            else:
                await session.send_resource_updated(event.uri)  # type: ignore[arg-type]

        listener.send = send

        def end() -> None:
            del self._sessions[key]
            listener.scope.cancel()

        self._sessions[key] = listener
        on_connection_end(ctx, end)
        if session_id is None or session_id in self._streaming:
            self._nursery.start_soon(self._hear_session, listener)

    def on_stream(self, session_id: str, is_open: bool) -> None:
        """Follow the stream of an HTTP session: without one it is told nothing, and on the next what it missed."""
        (self._streaming.add if is_open else self._streaming.discard)(session_id)
        for listener in self._sessions.values():
            if listener.session_id == session_id and self._nursery is not None:
                listener.scope.cancel()  # also when the next stream opens before the end of the one before is noticed
                if is_open:
                    listener.scope = trio.CancelScope()
                    self._nursery.start_soon(self._hear_session, listener)

    async def _hear_session(self, listener: Listener) -> None:
        assert listener.send is not None
        try:
            await self._hear(listener, listener.send)
        except Exception as error:
            # A broken session is the SDK's to end; it must not take the other senders with it.
            log.info("sender-ended caller=%s reason=%s", listener.caller.id, type(error).__name__)

    async def subscribe(self, ctx: ServerRequestContext[Any, Any], uri: str) -> None:
        """Note that a handshake-era session wants to hear of a resource; what it missed is told at once.

        Whether the resource exists, or is the session's to know, is not said: it may come to be both.

        Raises:
            Refusal: INVALID_ARGUMENT, not a URI of ours, or too many.
        """
        listener = self._sessions.get(connection_key(ctx))
        if listener is None:
            return
        asked = canonical([uri])
        if not asked:
            raise Refusal(f"a resource's URI begins with {SCHEME} and names an artifact", code="INVALID_ARGUMENT")
        if len(listener.uris.keys() | asked.keys()) > MAX_URIS:
            raise Refusal(f"a session can subscribe to {MAX_URIS} resources at most", code="INVALID_ARGUMENT")
        is_new = not asked.keys() <= listener.uris.keys()
        listener.uris |= asked
        if is_new:
            await self._catch_up(listener, await listener.since(), known_cursors(ctx.params), only=asked)

    def unsubscribe(self, ctx: ServerRequestContext[Any, Any], uri: str) -> None:
        """Note that a handshake-era session no longer wants to hear of a resource."""
        listener = self._sessions.get(connection_key(ctx))
        if listener is not None:
            for each in canonical([uri]):
                listener.uris.pop(each, None)

    # -- 2026 era: a stream listens as long as its request -----------------------------------------------------

    async def listen(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: types.SubscriptionsListenRequestParams,
        caller: Caller,
        repo_id: RepoId | None,
    ) -> types.SubscriptionsListenResult:
        """Serve one `subscriptions/listen`: acknowledge first, then tell, until either side or the grant ends.

        Returns when the daemon drains or the grant ends, which tells the client that the end was meant; over HTTP at
        once, and the request's stream goes on instead.
        """
        wanted = params.notifications
        listener = Listener(
            caller,
            repo_id,
            uris=canonical(wanted.resource_subscriptions or ()),
            hears_resources=bool(wanted.resources_list_changed),
            hears_tools=bool(wanted.tools_list_changed),
        )
        listener.scope.deadline = trio.current_time() + caller.lasts_s
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        run = partial(self._hear_stream, listener, known_cursors(ctx.params), meta)
        if (stream := stream_of(ctx)) is not None:
            stream.run = run
        else:
            session, request_id = ctx.session, ctx.request_id

            async def tell(notification: types.ServerNotification) -> None:
                await session.send_notification(notification, related_request_id=request_id)

            await run(tell, None)
        return types.SubscriptionsListenResult(_meta=meta)

    async def _hear_stream(
        self, listener: Listener, known: Mapping[str, str], meta: dict[str, Any], tell: Tell, ping: Ping | None
    ) -> None:
        self._make_room(listener.caller)
        self._begin(listener)

        async def send(event: Event) -> None:
            await tell(notification(event, meta))

        async def acknowledge() -> None:
            await tell(acknowledgement(listener, meta))

        await self._hear(listener, send, ping, known=known, acknowledge=acknowledge)

    def _make_room(self, caller: Caller) -> None:
        """End the oldest stream of a caller that opens too many: a client that forgets its streams harms itself."""
        mine = [x for x in self._listeners if x.caller.id == caller.id and not x.is_session and not x.box.is_closed]
        if len(mine) >= MAX_STREAMS_PER_CALLER:
            mine[0].box.close()
            mine[0].scope.cancel()

    # -- both: first what was missed, then what comes -----------------------------------------------------------

    def _begin(self, listener: Listener) -> None:
        """Note from where a listener goes on: from where its caller was last told, or from now."""
        now, elsewhere = self._now(listener), any(x.tells_all_of(listener) for x in self._listeners)
        if listener.hears_changes:
            self._heard.begin(listener.caller, now)
        listener.since = partial(self._heard.of, listener.caller, now, is_heard_elsewhere=elsewhere)

    async def _hear(
        self,
        listener: Listener,
        send: Send,
        ping: Ping | None = None,
        *,
        known: Mapping[str, str] | None = None,
        acknowledge: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Tell a listener until it ends, or its grant does, or the daemon drains."""
        scope, is_caught_up = listener.scope, False
        self._listeners[listener] = None  # before anything waits, so that nothing falls between
        if self._is_draining or listener.caller.now() is None:  # ended since the request was admitted
            listener.box.close()
        try:
            with scope:
                if acknowledge is not None:
                    await acknowledge()
                await self._catch_up(listener, await listener.since(), known or {})
                is_caught_up = not listener.box.is_closed  # a closed one took nothing of it
                if not listener.is_session:
                    del listener.since  # a line for each repository, and a stream catches up but once
                await listener.box.run(send, ping)
        finally:
            if listener.scope is scope:  # else its next stream is open already, and goes on where this one did
                self._end(listener, is_caught_up=is_caught_up)

    def _end(self, listener: Listener, *, is_caught_up: bool) -> None:
        """Note how far a listener was told; what was not sent, or not even looked up, counts as not told."""
        self._listeners.pop(listener, None)
        now = self._now(listener)
        if is_caught_up and listener.box.is_empty:
            listener.since = partial(self._heard.sure, now, time.time())
            if listener.hears_changes and not self._is_heard_by_another(listener):
                self._heard.note(listener.caller, now)

    def _now(self, listener: Listener) -> Told:
        return {s.repo.id: s.changes.cursor.number for s in self._reached(listener)}

    def _is_heard_by_another(self, listener: Listener) -> bool:
        caller_id = listener.caller.id
        return any(x.caller.id == caller_id and x.hears_changes for x in self._listeners if x is not listener)

    # -- what there is to tell ---------------------------------------------------------------------------------

    def _on_changes(self, repo: Repo, entries: Sequence[ChangeEntry]) -> None:
        if not any(listener.hears_changes for listener in self._listeners):
            return
        batch = make_batch(repo.slug, entries)  # once, not once a listener: a branch switch changes thousands of files
        for listener in list(self._listeners):
            if listener.concerns(repo.id) and listener.hears_changes:
                self._tell(listener, repo, batch)

    def _tell(self, listener: Listener, repo: Repo, batch: Batch, *, only: Mapping[str, str] | None = None) -> None:
        """Tell a listener of changes; with `only`, of these resources and of no list."""
        granted = listener.caller.hears(repo.id)
        asked = listener.uris if only is None else only
        for uri in batch.named(asked):
            if not batch.readers[uri].isdisjoint(granted):
                listener.box.put(Event("updated", asked[uri], repo.id))
        if only is None and listener.hears_resources and not batch.listed.isdisjoint(granted):
            listener.box.put(RESOURCES)

    def _on_registry(self, change: RegistryChange) -> None:
        # With its profiles it changes what can be listed, and what can be called of the tools that are.
        if change.what in ("adopted", "forgotten", "moved", "profiles"):
            for listener in self._listeners:
                if listener.concerns(change.repo.id) and listener.caller.hears(change.repo.id):
                    self._tell_lists(listener)

    def _tell_lists(self, listener: Listener) -> None:
        if listener.hears_tools:
            listener.box.put(TOOLS)
        if listener.hears_resources:
            listener.box.put(RESOURCES)

    def on_grant(self, grant_id: str, is_ended: bool) -> None:
        """Follow a grant: its listeners hear that their lists changed, or end with it."""
        for listener in list(self._listeners):
            if listener.caller.id == grant_id:
                if is_ended:
                    listener.box.close()
                    listener.scope.cancel()
                else:
                    listener.box.keep(partial(self._is_due, listener))
                    self._tell_lists(listener)
        if is_ended:
            self._heard.forget(grant_id)

    def _is_due(self, listener: Listener, event: Event) -> bool:
        """Say whether a listener may still be told: of what it reaches no longer it is not."""
        if event.repo_id is None:
            return True
        named = parse_uri(event.uri or "")
        return named is not None and not readers_of(named[1]).isdisjoint(listener.caller.hears(event.repo_id))

    # -- coming back -------------------------------------------------------------------------------------------

    async def _catch_up(
        self, listener: Listener, since: Told, known: Mapping[str, str], *, only: Mapping[str, str] | None = None
    ) -> None:
        """Put what changed into a listener's box.

        Args:
            since: what it was told already.
            known: cursors by slug, which say it better.
            only: tell of these resources and of no list.
        """
        for service in self._reached(listener):
            repo = service.repo
            if only is not None and not any(uri.startswith(make_uri(repo.slug, "")) for uri in only):
                continue
            if (text := known.get(repo.slug)) is not None:
                try:
                    cursor = Cursor(text)
                except Refusal:  # a cursor that is none tells nothing; the client hears from now on
                    continue
            elif repo.id in since:
                cursor = Cursor.make(repo.log, since[repo.id])
            else:
                continue
            while (found := await service.changes.since(cursor)).changes:
                self._tell(listener, repo, make_batch(repo.slug, found.changes), only=only)
                cursor = found.cursor
            if found.reset:
                if only is None:
                    self._tell_lists(listener)
                for uri, asked in (listener.uris if only is None else only).items():
                    if uri.startswith(make_uri(repo.slug, "")):
                        listener.box.put(Event("updated", asked, repo.id))

    def _reached(self, listener: Listener) -> list[RepoService]:
        """Return the repositories that a listener's endpoint shows and its grant reaches."""
        return [s for s in self._services if listener.concerns(s.repo.id) and listener.caller.hears(s.repo.id)]
