"""`Notifier`: tells every connected client what changed, in both protocol eras, over HTTP and over the socket.

One log, three readers: this is the one for clients that listen. Publishing never waits for a client; each listener
hears only of what its grant reaches at that moment.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import mcp_types as types
import trio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from rhd.access import PROFILES
from rhd.endpoint.callers import Caller
from rhd.endpoint.outbox import RESOURCES, TOOLS, Event, Outbox
from rhd.endpoint.sdk import MODERN_PROTOCOL_VERSIONS, connection_key, on_connection_end
from rhd.endpoint.streams import Ping, Tell, stream_of
from rhd.endpoint.uris import SCHEME, make_uri, parse_uri
from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.repos.changes import ChangeEntry
from rhd.repos.registry import Registry, RegistryChange, Repo
from rhd.repos.service import RepoService
from rhd.repos.services import Services
from rhd.store.changes import delete_heard, read_heard, save_heard
from rhd.store.database import Store
from rhd.workflow.reach import may_read

log = logging.getLogger(__name__)

CURSOR_META_KEY = "dev.repo-harness/cursors"
"""In a subscription's `_meta`: `{slug: cursor}`, from where the client already knows."""

MAX_URIS = 2000
MAX_STREAMS_PER_CALLER = 32
UNSURE_S = 120.0
"""How long a connection can be dead before it is noticed."""

_Tellable = tuple[str, frozenset[str], bool]
"""A change as listeners need it: the URI, the profiles that reach it, whether lists of resources changed."""


@dataclass(eq=False)
class Listener:
    """One stream or session that hears.

    Attributes:
        repo_id: the endpoint's repository; None on the hub.
        session_id: of the HTTP session that it is; None for a stream or a peer of the socket.
        uris: the resources it asked to hear of: canonical URI to the one it asked by, which is what it is told.
        hears_resources: it hears of artifacts that come and go.
        hears_tools: it hears that its list of tools changed.
        heard: how far its caller had been told, by repository, when it began; None until that is looked up.
    """

    caller: Caller
    repo_id: RepoId | None
    session_id: str | None = None
    box: Outbox = field(default_factory=Outbox)
    uris: dict[str, str] = field(default_factory=dict)
    hears_resources: bool = False
    hears_tools: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    heard: Mapping[str, int] | None = None

    def concerns(self, repo_id: RepoId) -> bool:
        """Say whether this listener's endpoint shows that repository at all."""
        return self.repo_id is None or self.repo_id == repo_id


class Notifier:
    """Every listener of the daemon, and what each is told."""

    def __init__(self, registry: Registry, services: Services, store: Store) -> None:
        self._registry = registry
        self._services = services
        self._store = store
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
        """Whether anybody hears at this moment; may be asked in any thread.

        A session of the handshake era whose client holds no stream is told later, however soon a change is noticed.
        """
        return any(x.session_id is None or x.session_id in self._streaming for x in list(self._listeners))

    def drain(self) -> None:
        """End every stream of the 2026 era gracefully: its client is told to come back."""
        self._is_draining = True
        for listener in list(self._listeners):
            listener.box.close()

    # -- handshake era: a session listens from `initialized` to its end ---------------------------------------

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
        listener = Listener(caller, repo_id, session_id, hears_resources=True, hears_tools=True)
        if session_id is not None and session_id not in self._streaming:
            listener.box.hold()
        self._sessions[key] = listener
        self._listeners[listener] = None

        def end() -> None:
            self._sessions.pop(key, None)
            self._listeners.pop(listener, None)
            listener.scope.cancel()
            self._note_heard(listener)

        on_connection_end(ctx, end)
        session = ctx.session

        async def send(event: Event) -> None:
            if event.what == "tools":
                await session.send_tool_list_changed()
            elif event.what == "resources":
                await session.send_resource_list_changed()
            else:
                await session.send_resource_updated(event.uri)  # type: ignore[arg-type]

        self._nursery.start_soon(self._keep_sending, listener, send)

    async def _keep_sending(self, listener: Listener, send: Callable[[Event], Any]) -> None:
        with listener.scope:
            try:
                await self._catch_up(listener, {})
                await listener.box.run(send)
            except Exception as error:
                # A broken session is the SDK's to end; it must not take the other senders with it.
                log.info("sender-ended caller=%s reason=%s", listener.caller.id, type(error).__name__)

    def on_stream(self, session_id: str, is_open: bool) -> None:
        """Follow the stream of an HTTP session: without one the session is told nothing, and later what it missed."""
        if is_open:
            self._streaming.add(session_id)
        else:
            self._streaming.discard(session_id)
        for listener in self._sessions.values():
            if listener.session_id == session_id:
                if is_open:
                    listener.box.release()
                else:
                    listener.box.hold()

    async def subscribe(self, ctx: ServerRequestContext[Any, Any], uri: str) -> None:
        """Note that a handshake-era session wants to hear of a resource; what it missed is told at once.

        Whether the resource exists, or is the session's to know, is not said: it may come to be both.

        Raises:
            Refusal: INVALID_ARGUMENT, not a URI of ours, or too many.
        """
        listener = self._sessions.get(connection_key(ctx))
        if listener is None:
            return
        asked = _canonical([uri])
        if not asked:
            raise Refusal(f"a resource's URI begins with {SCHEME} and names an artifact", code="INVALID_ARGUMENT")
        if len(listener.uris.keys() | asked.keys()) > MAX_URIS:
            raise Refusal(f"a session can subscribe to {MAX_URIS} resources at most", code="INVALID_ARGUMENT")
        is_new = not asked.keys() <= listener.uris.keys()
        listener.uris |= asked
        if is_new:
            await self._catch_up(listener, _known_cursors(ctx.params), only=asked)

    def unsubscribe(self, ctx: ServerRequestContext[Any, Any], uri: str) -> None:
        """Note that a handshake-era session no longer wants to hear of a resource."""
        listener = self._sessions.get(connection_key(ctx))
        if listener is not None:
            for canonical in _canonical([uri]):
                listener.uris.pop(canonical, None)

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
            uris=_canonical(wanted.resource_subscriptions or ()),
            hears_resources=bool(wanted.resources_list_changed),
            hears_tools=bool(wanted.tools_list_changed),
        )
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        run = partial(self._run, listener, _known_cursors(ctx.params), meta)
        if (stream := stream_of(ctx)) is not None:
            stream.run = run
        else:
            session, request_id = ctx.session, ctx.request_id

            async def tell(notification: types.ServerNotification) -> None:
                await session.send_notification(notification, related_request_id=request_id)

            await run(tell, None)
        return types.SubscriptionsListenResult(_meta=meta)

    async def _run(
        self, listener: Listener, known: Mapping[str, str], meta: dict[str, Any], tell: Tell, ping: Ping | None
    ) -> None:
        async def send(event: Event) -> None:
            await tell(_notification(event, meta))

        self._make_room(listener.caller)
        self._listeners[listener] = None  # before the acknowledgement, so that nothing falls between
        try:
            await self._catch_up(listener, known)  # waits in the box until it is acknowledged
            listener.heard = None  # a line for each repository, and a stream catches up but once
            await tell(_acknowledgement(listener, meta))
            if self._is_draining:
                listener.box.close()
            listener.scope.deadline = trio.current_time() + listener.caller.lasts_s
            with listener.scope:
                await listener.box.run(send, ping)
        finally:
            self._listeners.pop(listener, None)
            self._note_heard(listener)

    def _make_room(self, caller: Caller) -> None:
        """End the oldest stream of a caller that opens too many: a client that forgets its streams harms itself."""
        sessions = set(self._sessions.values())
        mine = [x for x in self._listeners if x.caller.id == caller.id and x not in sessions]
        if len(mine) >= MAX_STREAMS_PER_CALLER:
            mine[0].box.close()
            mine[0].scope.cancel()

    # -- what there is to tell ---------------------------------------------------------------------------------

    def _on_changes(self, repo: Repo, entries: Sequence[ChangeEntry]) -> None:
        told = _tellable(repo, entries)  # once, not once a listener: a branch switch changes hundreds of files
        for listener in list(self._listeners):
            if listener.concerns(repo.id) and (listener.uris or listener.hears_resources):
                self._tell(listener, repo, told)

    def _tell(
        self, listener: Listener, repo: Repo, told: Sequence[_Tellable], *, only: Mapping[str, str] | None = None
    ) -> None:
        """Tell a listener of changes; with `only`, of these resources and of no list."""
        granted = listener.caller.hears(repo.id)
        for uri, profiles, is_list_changed in told:
            if profiles.isdisjoint(granted):
                continue
            if (asked := (listener.uris if only is None else only).get(uri)) is not None:
                listener.box.put(Event("updated", asked, repo.id))
            if is_list_changed and only is None and listener.hears_resources:
                listener.box.put(RESOURCES)

    def _on_registry(self, change: RegistryChange) -> None:
        for listener in self._listeners:
            if not listener.concerns(change.repo.id) or not listener.caller.hears(change.repo.id):
                continue
            if change.what in ("adopted", "forgotten", "moved"):
                self._tell_lists(listener)
            elif change.what == "profiles" and listener.hears_tools:
                listener.box.put(TOOLS)  # the list is what is granted; which of it can be called is what is running

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
                    # What it no longer reaches it is not told of, though it was noted before.
                    listener.box.keep(lambda e, x=listener: e.repo_id is None or x.caller.hears(e.repo_id))  # type: ignore[misc]
                    self._tell_lists(listener)
        if is_ended:
            self._store.submit(lambda connection: delete_heard(connection, grant_id))

    # -- coming back -------------------------------------------------------------------------------------------

    async def _catch_up(
        self, listener: Listener, known: Mapping[str, str], *, only: Mapping[str, str] | None = None
    ) -> None:
        """Tell a listener what changed since the cursors it knows, or since its caller was last told.

        Args:
            known: cursors by slug.
            only: tell of these resources and of no list.
        """
        heard = await self._heard_by(listener)
        for service in self._reached(listener):
            repo = service.repo
            if (text := known.get(repo.slug)) is not None:
                try:
                    cursor = Cursor(text)
                except Refusal:  # a cursor that is none tells nothing; the client hears from now on
                    continue
            elif repo.id in heard:
                cursor = Cursor.make(repo.log, heard[repo.id])
            else:
                continue
            while (found := await service.changes.since(cursor)).changes:
                self._tell(listener, repo, _tellable(repo, found.changes), only=only)
                cursor = found.cursor
            if found.reset:
                if only is None:
                    self._tell_lists(listener)
                for uri, asked in (listener.uris if only is None else only).items():
                    if uri.startswith(make_uri(repo.slug, "")):
                        listener.box.put(Event("updated", asked, repo.id))

    async def _heard_by(self, listener: Listener) -> Mapping[str, int]:
        """Return how far the caller had been told, by repository, when this listener began."""
        if listener.heard is None:
            found = await self._store.read(lambda c: read_heard(c, listener.caller.id))
            if listener.heard is None:  # a session's first subscription can come while its beginning is looked up
                listener.heard = found
                self._note_heard(listener, is_first=True)
        return listener.heard

    def _note_heard(self, listener: Listener, *, is_first: bool = False) -> None:
        """Keep on disk how far a caller was told: when its last stream ends, and when its first begins.

        When it ends, because from there it goes on when it comes back; when it begins, for an end that nobody sees.
        What was sent in the last minutes may have gone to a connection that was dead already: it is told again.
        """
        caller_id = listener.caller.id
        if listener.caller.is_owner or any(o.caller.id == caller_id for o in self._listeners if o is not listener):
            return
        told = [(s.repo.id, s.changes.cursor.number) for s in self._reached(listener)]
        at = time.time()

        def save(connection: Any) -> None:
            save_heard(connection, caller_id, told, at, sure_before=at if is_first else at - UNSURE_S)

        if told:
            self._store.submit(save)

    def _reached(self, listener: Listener) -> list[RepoService]:
        """Return the repositories that a listener's endpoint shows and its grant reaches."""
        return [s for s in self._services if listener.concerns(s.repo.id) and listener.caller.hears(s.repo.id)]


def _tellable(repo: Repo, entries: Iterable[ChangeEntry]) -> list[_Tellable]:
    return [
        (
            make_uri(repo.slug, entry.path),
            frozenset(name for name, profile in PROFILES.items() if may_read(profile.reach, entry.path)),
            entry.change != "modified",
        )
        for entry in entries
    ]


def _canonical(uris: Iterable[str]) -> dict[str, str]:
    """Return those that name resources of ours, by their canonical spelling, at most `MAX_URIS`."""
    named = ((parse_uri(uri), uri) for uri in uris)
    return dict(itertools.islice(((make_uri(*parts), uri) for parts, uri in named if parts is not None), MAX_URIS))


def _known_cursors(params: Mapping[str, Any] | None) -> Mapping[str, str]:
    meta = (params or {}).get("_meta")
    known = meta.get(CURSOR_META_KEY) if isinstance(meta, Mapping) else None
    if not isinstance(known, Mapping):
        return {}
    return {k: v for k, v in known.items() if isinstance(k, str) and isinstance(v, str)}


def _acknowledgement(listener: Listener, meta: dict[str, Any]) -> types.ServerNotification:
    honored = types.SubscriptionFilter(
        tools_list_changed=listener.hears_tools or None,
        resources_list_changed=listener.hears_resources or None,
        resource_subscriptions=list(listener.uris.values()) or None,
    )
    params = types.SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
    return types.SubscriptionsAcknowledgedNotification(params=params)


def _notification(event: Event, meta: dict[str, Any]) -> types.ServerNotification:
    if event.what == "tools":
        return types.ToolListChangedNotification(params=types.NotificationParams(_meta=meta))
    if event.what == "resources":
        return types.ResourceListChangedNotification(params=types.NotificationParams(_meta=meta))
    assert event.uri is not None
    return types.ResourceUpdatedNotification(params=types.ResourceUpdatedNotificationParams(uri=event.uri, _meta=meta))
