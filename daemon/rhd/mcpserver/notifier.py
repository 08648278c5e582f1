"""`Notifier`: tells every connected client what changed, in both protocol eras, over HTTP and over the socket.

Each listener is a follower of the change logs: publishing pokes those concerned and never waits for a client. What a
listener is told is decided when it is told: its grant and the profiles that are started count as they are then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

import mcp_types as types
import trio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.delivered_positions import DeliveredPositions, Positions
from rhd.mcpserver.listeners import (
    MAX_URIS,
    Event,
    Listener,
    acknowledgement,
    canonical,
    known_cursors,
    notification,
    readers_of,
)
from rhd.mcpserver.notification_sender import NotificationSender, Send, put_all, put_lists
from rhd.mcpserver.sdk import MODERN_PROTOCOL_VERSIONS, connection_key, on_connection_end
from rhd.mcpserver.streams import Ping, Tell, stream_of
from rhd.mcpserver.uris import SCHEME, make_uri, parse_uri
from rhd.repos.change_log import ChangeEntry
from rhd.repos.following import read_on
from rhd.repos.registry import Registry, RegistryChange, Repo
from rhd.repos.repo_service import RepoService
from rhd.repos.repo_supervisor import RepoSupervisor
from rhd.store.database import Store
from rhd.workflow.redaction.redact import compared_path

log = logging.getLogger(__name__)

MAX_STREAMS_PER_CALLER = 32
PINGS_AT_ONCE = 8
PING_S = 15.0
"""How often every stream is sent a ping; tunnels close a connection that is silent for 100 s."""


class Notifier:
    """Every listener of the daemon, and what each is told."""

    def __init__(self, registry: Registry, services: RepoSupervisor, store: Store) -> None:
        self._registry = registry
        self._services = services
        self._positions = DeliveredPositions(store)
        self._listeners: dict[Listener, None] = {}  # those that are told now, in order of opening
        self._sessions: dict[int, Listener] = {}
        self._streaming: dict[str, Ping] = {}  # the HTTP sessions whose client holds a stream to be told on
        self._sender = NotificationSender(registry, services)
        self._nursery: trio.Nursery | None = None
        self._is_draining = False
        registry.listen(self._on_registry)

    @property
    def streams(self) -> int:
        """How many listeners there are."""
        return len(self._listeners)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the senders of handshake-era sessions, and send all pings on one timer, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            while True:
                await trio.sleep(PING_S)
                await self.ping()

    async def ping(self) -> None:
        """Have every stream sent a ping, a few at a time: what else there is to do comes between."""
        for position, listener in enumerate(list(self._listeners), 1):
            listener.is_ping_due = True
            listener.follower.poke()
            if position % PINGS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()

    def drain(self) -> None:
        """End every HTTP stream of the 2026 era gracefully: its client is told to come back.

        Streams on the control socket end with their connection: the bridge requests them again from the next daemon,
        while an answer would make its client believe that the stream is over.
        """
        self._is_draining = True
        for listener in list(self._listeners):
            if not listener.caller.is_owner:
                listener.close()

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
            self._unfollow(listener)

        self._sessions[key] = listener
        on_connection_end(ctx, end)
        if session_id is None or session_id in self._streaming:
            self._nursery.start_soon(self._hear_session, listener)

    def on_stream(self, session_id: str, ping: Ping | None) -> None:
        """Follow the stream of an HTTP session: without one it is told nothing, and on the next what it missed.

        Args:
            ping: pings the stream that has opened; None if it has ended.
        """
        if ping is not None:
            self._streaming[session_id] = ping
        else:
            self._streaming.pop(session_id, None)
        for listener in self._sessions.values():
            if listener.session_id == session_id and self._nursery is not None:
                listener.scope.cancel()  # also when the next stream opens before the end of the one before is noticed
                if ping is not None:
                    listener.scope = trio.CancelScope()
                    self._nursery.start_soon(self._hear_session, listener)

    async def _hear_session(self, listener: Listener) -> None:
        assert listener.send is not None
        try:
            await self._hear(listener, listener.send, self._streaming.get(listener.session_id or ""))
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
            self._follow(listener)
            await self._tell_missed(listener, asked, known_cursors(ctx.params))

    def unsubscribe(self, ctx: ServerRequestContext[Any, Any], uri: str) -> None:
        """Note that a handshake-era session no longer wants to hear of a resource."""
        listener = self._sessions.get(connection_key(ctx))
        if listener is not None:
            for each in canonical([uri]):
                listener.uris.pop(each, None)
            self._follow(listener)

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
        mine = [x for x in self._listeners if x.caller.id == caller.id and not x.is_session and not x.is_closed]
        if len(mine) >= MAX_STREAMS_PER_CALLER:
            mine[0].close()
            mine[0].scope.cancel()

    # -- both: first what was missed, then what comes -----------------------------------------------------------

    def _begin(self, listener: Listener) -> None:
        """Poke a listener from now on, and note from where it goes on: from where its caller was last told, or now."""
        self._follow(listener)
        now, elsewhere = self._told(listener), any(x.tells_all_of(listener) for x in self._listeners)
        if listener.hears_changes:
            self._positions.begin(listener.caller, now)
        listener.since = partial(self._positions.of, listener.caller, now, has_other_stream=elsewhere)

    def _follow(self, listener: Listener) -> None:
        """Poke a listener for what it asked for, and for nothing else."""
        self._unfollow(listener)

        def id_of(slug: str) -> RepoId | None:
            repo = self._registry.by_slug(slug)
            return repo.id if repo is not None and listener.concerns(repo.id) else None

        listener.unfollow = self._services.following.follow(listener.follower, listener.topics(id_of))

    def _unfollow(self, listener: Listener) -> None:
        if listener.unfollow is not None:
            listener.unfollow()
            listener.unfollow = None

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
        self._listeners[listener] = None
        if self._is_draining or listener.caller.now() is None:  # ended since the request was admitted
            listener.close()
        assert listener.since is not None
        try:
            with scope:
                if acknowledge is not None:
                    await acknowledge()
                self._catch_up(listener, await listener.since(), known or {})
                is_caught_up = not listener.is_closed
                if not listener.is_session:
                    listener.since = None  # a line for each repository, and a stream catches up but once
                if is_caught_up:
                    await self._sender.tell(listener, send, ping)
        finally:
            if listener.scope is scope:  # else its next stream is open already, and goes on where this one did
                self._end(listener, is_caught_up=is_caught_up)

    def _end(self, listener: Listener, *, is_caught_up: bool) -> None:
        """Note how far a listener was told."""
        self._listeners.pop(listener, None)
        if not listener.is_session:
            self._unfollow(listener)
        if is_caught_up and not listener.due:
            told = self._told(listener)
            listener.since = partial(self._positions.sure, told, time.time())
            if listener.hears_changes and not self._has_other_stream(listener):
                self._positions.note(listener.caller, told)

    def _told(self, listener: Listener) -> Positions:
        """Return how far a listener has read each repository that it reaches."""
        numbers = {s.repo.id: s.changes.cursor.number for s in self._reached(listener)}
        for repo_id, number in (*listener.follower.behind.items(), *listener.held.items()):
            if repo_id in numbers:
                numbers[repo_id] = min(number, numbers[repo_id])
        return numbers

    def _has_other_stream(self, listener: Listener) -> bool:
        caller_id = listener.caller.id
        return any(x.caller.id == caller_id and x.hears_changes for x in self._listeners if x is not listener)

    # -- what else there is to tell ------------------------------------------------------------------------------

    def _on_registry(self, change: RegistryChange) -> None:
        # With its profiles it changes what can be listed, and what can be called of the tools that are.
        repo_id = change.repo.id
        for listener in [*self._listeners, *self._sessions.values()]:
            if change.what == "adopted":
                self._follow(listener)  # it may have asked for a resource of it before
            if change.what == "profiles" and repo_id in listener.held:
                listener.follower.note(repo_id, listener.held.pop(repo_id))
        if change.what in ("adopted", "forgotten", "moved", "profiles"):
            for listener in self._listeners:
                if listener.concerns(repo_id) and listener.caller.hears(repo_id):
                    put_lists(listener)

    def on_grant(self, grant_id: str, is_ended: bool) -> None:
        """Follow a grant: its listeners hear that their lists changed, or end with it."""
        for listener in list(self._listeners):
            if listener.caller.id == grant_id:
                if is_ended:
                    listener.close()
                    listener.scope.cancel()
                else:
                    put_lists(listener)
        if is_ended:
            self._positions.forget(grant_id)

    # -- coming back -------------------------------------------------------------------------------------------

    def _catch_up(self, listener: Listener, since: Positions, known: Mapping[str, str]) -> None:
        """Note what changed since a listener's caller was told, or since the cursors that it knows."""
        for service in self._reached(listener):
            repo, newest = service.repo, service.changes.cursor
            cursor = _cursor_of(repo, since, known)
            if cursor is None:
                continue
            if cursor.log != newest.log:
                put_all(listener, repo)
            elif cursor.number < newest.number:
                listener.follower.note(repo.id, cursor.number)

    async def _tell_missed(self, listener: Listener, asked: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Have a session told of resources that it asks for only now, if they changed since it was told last."""
        since = await listener.since() if listener.since is not None else {}
        for service in self._reached(listener):
            repo = service.repo
            mine = {uri for uri in asked if uri.startswith(make_uri(repo.slug, ""))}
            if not mine or (cursor := _cursor_of(repo, since, known)) is None:
                continue
            is_reset, entries = cursor.log != service.changes.cursor.log, list[ChangeEntry]()
            if not is_reset:
                entries, is_reset = await read_on(service.changes, cursor.number)
            changed = {make_uri(repo.slug, compared_path(entry.path)) for entry in entries}
            for uri in mine:
                if is_reset or uri in changed:
                    self._put_if_readable(listener, repo, uri, asked[uri])

    def _put_if_readable(self, listener: Listener, repo: Repo, uri: str, asked: str) -> None:
        named = parse_uri(uri)
        if named is not None and not readers_of(named[1]).isdisjoint(listener.caller.hears(repo.id)):
            listener.put(Event("updated", asked))

    def _reached(self, listener: Listener) -> Iterable[RepoService]:
        """Return the repositories that a listener's endpoint shows and its grant reaches."""
        return [s for s in self._services if listener.concerns(s.repo.id) and listener.caller.hears(s.repo.id)]


def _cursor_of(repo: Repo, since: Positions, known: Mapping[str, str]) -> Cursor | None:
    """Return from where a listener is told of a repository; None: from now on."""
    if (text := known.get(repo.slug)) is not None:
        try:
            return Cursor(text)
        except Refusal:
            return None
    return Cursor.make(repo.log, since[repo.id]) if repo.id in since else None
