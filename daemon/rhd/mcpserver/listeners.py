"""`Listener`: one stream or session that is told of changes, and what changes and notifications look like to it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import mcp_types as types
import trio

from rhd.access import PROFILES
from rhd.ids import RepoId, Slug
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.delivered_positions import Positions
from rhd.mcpserver.uris import make_uri, parse_uri
from rhd.repos.change_log import REPOSITORY, ChangeEntry
from rhd.repos.following import LISTS, Follower, Topic
from rhd.workflow.reach import may_read
from rhd.workflow.redaction.redact import compared_path

CURSOR_META_KEY = "dev.repo-harness/cursors"
"""In a subscription's `_meta`: `{slug: cursor}`, from where the client already knows."""

MAX_URIS = 2000


class Event(NamedTuple):
    """One notification: `what` is `updated` (with the resource's URI), `resources` or `tools`."""

    what: str
    uri: str | None = None


RESOURCES, TOOLS = Event("resources"), Event("tools")


@dataclass(eq=False, slots=True)
class Listener:
    """One stream of the 2026 era, or one session of the handshake era whether or not its client holds a stream.

    Attributes:
        repo_id: the endpoint's repository; None on the hub.
        is_session: of the handshake era.
        session_id: of an HTTP session; None for a stream or a peer of the socket.
        uris: the resources it asked to hear of: canonical URI to the one it asked by, which is what it is told.
        hears_resources: it is told when artifacts are added or removed.
        hears_tools: it is told when its list of tools changes.
        scope: what it is told in; cancelled when it is to be told nothing more.
        follower: what it has not been told yet of the change logs.
        due: what else it has not been told yet, in order.
        held: like `follower.behind`, of repositories whose profiles are all stopped.
        is_closed: it ends once it was told what is due.
        is_ping_due: it is to send a ping.
        since: returns how far it was told when it begins to hear, or hears again.
        send: of a session, sends one event.
        unfollow: ends its being poked.
    """

    caller: Caller
    repo_id: RepoId | None
    is_session: bool = False
    session_id: str | None = None
    uris: dict[str, str] = field(default_factory=dict)
    hears_resources: bool = False
    hears_tools: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    follower: Follower = field(default_factory=Follower)
    due: dict[Event, None] = field(default_factory=dict)
    held: dict[RepoId, int] = field(default_factory=dict)
    is_closed: bool = False
    is_ping_due: bool = False
    since: Callable[[], Awaitable[Positions]] | None = None
    send: Callable[[Event], Awaitable[None]] | None = None
    unfollow: Callable[[], None] | None = None

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

    def topics(self, id_of: Callable[[str], RepoId | None]) -> list[Topic]:
        """Return what it is poked for.

        Args:
            id_of: returns the id of the repository with a slug.
        """
        topics: list[Topic] = [(self.repo_id, LISTS)] if self.hears_resources else []
        named = ((id_of(parts[0]), parts[1]) for uri in self.uris if (parts := parse_uri(uri)) is not None)
        topics.extend((repo_id, path) for repo_id, path in named if repo_id is not None)
        return topics

    def put(self, event: Event) -> None:
        """Have it told of an event; once, if it is told of it already."""
        if not self.is_closed:
            self.due[event] = None
            self.follower.poke()

    def close(self) -> None:
        """Have it end once it was told what is due."""
        self.is_closed = True
        self.follower.poke()


class Batch(NamedTuple):
    """Changes of one repository as listeners need them.

    Attributes:
        readers: by URI, the profiles that reach what changed.
        listed: the profiles whose list of resources changed.
    """

    readers: Mapping[str, frozenset[str]]
    listed: frozenset[str]

    def events(self, listener: Listener, granted: frozenset[str]) -> list[Event]:
        """Return what a listener is told of these changes."""
        few, many = sorted((listener.uris, self.readers), key=len)
        named = [uri for uri in few if uri in many and not self.readers[uri].isdisjoint(granted)]
        events = [Event("updated", listener.uris[uri]) for uri in named]
        if listener.hears_resources and not self.listed.isdisjoint(granted):
            events.append(RESOURCES)
        return events


def readers_of(path: str) -> frozenset[str]:
    """Return the profiles that reach an artifact."""
    return frozenset(name for name, profile in PROFILES.items() if may_read(profile.reach, path))


def make_batch(slug: Slug, entries: Iterable[ChangeEntry]) -> Batch:
    """Return changes of a repository as listeners need them."""
    readers: dict[str, frozenset[str]] = {}
    listed: set[str] = set()
    for entry in entries:
        if entry.kind == REPOSITORY:
            continue
        reached = readers_of(entry.path)
        readers[make_uri(slug, compared_path(entry.path))] = reached
        if entry.change != "modified":
            listed |= reached
    return Batch(readers, frozenset(listed))


def canonical(uris: Iterable[str]) -> dict[str, str]:
    """Return those that name resources of ours, by their canonical spelling, at most `MAX_URIS`."""
    named = ((parse_uri(uri), uri) for uri in uris)
    ours = ((make_uri(parts[0], compared_path(parts[1])), uri) for parts, uri in named if parts is not None)
    return dict(itertools.islice(ours, MAX_URIS))


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
