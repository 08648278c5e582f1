"""`Listener`: one stream or session that hears, and what changes and notifications look like to it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
import trio

from rhd.access import PROFILES
from rhd.ids import RepoId, Slug
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.heard import Told
from rhd.mcpserver.outbox import Event, Outbox
from rhd.mcpserver.uris import make_uri, parse_uri
from rhd.repos.change_log import ChangeEntry
from rhd.workflow.reach import may_read

CURSOR_META_KEY = "dev.repo-harness/cursors"
"""In a subscription's `_meta`: `{slug: cursor}`, from where the client already knows."""

MAX_URIS = 2000


async def _nothing() -> Told:
    return {}


@dataclass(eq=False, slots=True)
class Listener:
    """One stream of the 2026 era, or one session of the handshake era whether or not its client holds a stream.

    Attributes:
        repo_id: the endpoint's repository; None on the hub.
        is_session: of the handshake era.
        session_id: of an HTTP session; None for a stream or a peer of the socket.
        uris: the resources it asked to hear of: canonical URI to the one it asked by, which is what it is told.
        hears_resources: it hears of artifacts that come and go.
        hears_tools: it hears that its list of tools changed.
        scope: what it is told in; cancelled when it is to be told nothing more.
        since: returns what it has been told already when it begins to hear, or hears again.
        send: of a session, sends one event.
    """

    caller: Caller
    repo_id: RepoId | None
    is_session: bool = False
    session_id: str | None = None
    uris: dict[str, str] = field(default_factory=dict)
    hears_resources: bool = False
    hears_tools: bool = False
    box: Outbox = field(default_factory=Outbox)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    since: Callable[[], Awaitable[Told]] = _nothing
    send: Callable[[Event], Awaitable[None]] | None = None

    @property
    def hears_changes(self) -> bool:
        """Whether a changed artifact concerns it."""
        return bool(self.uris) or self.hears_resources

    def tells_all_of(self, other: Listener) -> bool:
        """Say whether the same caller is told here whatever it is told there."""
        return (
            self is not other
            and self.caller.id == other.caller.id
            and self.repo_id in (None, other.repo_id)
            and self.uris.keys() >= other.uris.keys()
            and self.hears_resources >= other.hears_resources
        )

    def concerns(self, repo_id: RepoId) -> bool:
        """Say whether this listener's endpoint shows that repository at all."""
        return self.repo_id is None or self.repo_id == repo_id


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes as listeners need them.

    Attributes:
        readers: by URI, the profiles that reach what changed.
        listed: the profiles whose list of resources changed.
    """

    readers: Mapping[str, frozenset[str]]
    listed: frozenset[str]

    def named(self, asked: Mapping[str, str]) -> list[str]:
        """Return the URIs that changed and were asked for; as long as the shorter of both takes."""
        few, many = sorted((asked, self.readers), key=len)
        return [uri for uri in few if uri in many]


def readers_of(path: str) -> frozenset[str]:
    """Return the profiles that reach an artifact."""
    return frozenset(name for name, profile in PROFILES.items() if may_read(profile.reach, path))


def make_batch(slug: Slug, entries: Iterable[ChangeEntry]) -> Batch:
    """Return changes of a repository as listeners need them."""
    readers: dict[str, frozenset[str]] = {}
    listed: set[str] = set()
    for entry in entries:
        reached = readers_of(entry.path)
        readers[make_uri(slug, entry.path)] = reached
        if entry.change != "modified":
            listed |= reached
    return Batch(readers, frozenset(listed))


def canonical(uris: Iterable[str]) -> dict[str, str]:
    """Return those that name resources of ours, by their canonical spelling, at most `MAX_URIS`."""
    named = ((parse_uri(uri), uri) for uri in uris)
    return dict(itertools.islice(((make_uri(*parts), uri) for parts, uri in named if parts is not None), MAX_URIS))


def known_cursors(params: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Return the cursors by slug that a request carries in its `_meta`; what is malformed is left out."""
    meta = (params or {}).get("_meta")
    known = meta.get(CURSOR_META_KEY) if isinstance(meta, Mapping) else None
    if not isinstance(known, Mapping):
        return {}
    return {k: v for k, v in known.items() if isinstance(k, str) and isinstance(v, str)}


def acknowledgement(listener: Listener, meta: dict[str, Any]) -> types.ServerNotification:
    """Return what a stream begins with: what of its wishes is honored."""
    honored = types.SubscriptionFilter(
        tools_list_changed=listener.hears_tools or None,
        resources_list_changed=listener.hears_resources or None,
        resource_subscriptions=list(listener.uris.values()) or None,
    )
    params = types.SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
    return types.SubscriptionsAcknowledgedNotification(params=params)


def notification(event: Event, meta: dict[str, Any]) -> types.ServerNotification:
    """Return an event as a stream tells it."""
    if event.what == "tools":
        return types.ToolListChangedNotification(params=types.NotificationParams(_meta=meta))
    if event.what == "resources":
        return types.ResourceListChangedNotification(params=types.NotificationParams(_meta=meta))
    assert event.uri is not None
    return types.ResourceUpdatedNotification(params=types.ResourceUpdatedNotificationParams(uri=event.uri, _meta=meta))
