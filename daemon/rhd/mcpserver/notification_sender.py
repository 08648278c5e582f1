"""`NotificationSender`: what a listener is told, decided when it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rhd.ids import RepoId
from rhd.mcpserver.listeners import RESOURCES, TOOLS, Batch, Event, Listener, make_batch
from rhd.mcpserver.streams import Ping
from rhd.mcpserver.uris import make_uri
from rhd.repos.change_log import ChangeEntry
from rhd.repos.following import read_on
from rhd.repos.registry import Registry, Repo
from rhd.repos.repo_supervisor import RepoSupervisor

Send = Callable[[Event], Awaitable[None]]


class NotificationSender:
    """Sends listeners what is due and what they have not read; grants and started profiles count as they are then."""

    def __init__(self, registry: Registry, services: RepoSupervisor) -> None:
        self._registry = registry
        self._services = services
        self._batches: dict[RepoId, tuple[tuple[int, int], Batch]] = {}

    async def tell(self, listener: Listener, send: Send, ping: Ping | None) -> None:
        """Tell a listener what is due and what it has not read, again and again, until it is closed."""
        while True:
            while listener.due or listener.follower.behind:
                if listener.due:
                    event = next(iter(listener.due))
                    del listener.due[event]  # before sending: what changes meanwhile is told again
                    try:
                        await send(event)
                    except BaseException:
                        listener.due.setdefault(event)  # it was not told
                        raise
                else:
                    await self._tell_repo(listener, *next(iter(listener.follower.behind.items())), send)
            if listener.is_closed:
                return
            if listener.is_ping_due and ping is not None:
                listener.is_ping_due = False
                await ping()
            await listener.follower.wait()

    async def _tell_repo(self, listener: Listener, repo_id: RepoId, number: int, send: Send) -> None:
        """Tell a listener what changed in a repository after `number`."""
        repo, behind = self._registry.get(repo_id), listener.follower.behind
        granted = listener.caller.hears(repo_id) if listener.concerns(repo_id) else frozenset()
        if repo is None or not granted:
            del behind[repo_id]
            return
        changes = self._services.get(repo_id).changes
        entries, is_reset = await read_on(changes, number)
        told = entries[-1].cursor.number if entries else changes.cursor.number
        if is_reset:
            put_all(listener, repo)
        elif entries:
            batch = self._batch(repo, number, entries)
            events = batch.events(listener, self._running(listener, repo_id, granted))
            if len(events) < len(batch.events(listener, granted)):  # the rest is told once its profile is started
                listener.held[repo_id] = min(number, listener.held.get(repo_id, number))
            for event in events:
                await send(event)
        listener.follower.advance(repo_id, changes, told)

    def _running(self, listener: Listener, repo_id: RepoId, granted: frozenset[str]) -> frozenset[str]:
        return granted if listener.caller.is_owner else granted & self._registry.profiles(repo_id)

    def _batch(self, repo: Repo, number: int, entries: list[ChangeEntry]) -> Batch:
        """Return what these entries mean to listeners; the same for all that have read as far."""
        key = number, entries[-1].cursor.number
        known = self._batches.get(repo.id)
        if known is None or known[0] != key:
            known = self._batches[repo.id] = key, make_batch(repo.slug, entries)
        return known[1]


def put_lists(listener: Listener) -> None:
    """Have a listener told that its lists changed."""
    if listener.hears_tools:
        listener.put(TOOLS)
    if listener.hears_resources:
        listener.put(RESOURCES)


def put_all(listener: Listener, repo: Repo) -> None:
    """Have a listener told that anything in a repository may have changed."""
    put_lists(listener)
    for uri, asked in listener.uris.items():
        if uri.startswith(make_uri(repo.slug, "")):
            listener.put(Event("updated", asked))
