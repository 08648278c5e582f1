"""`events`: what changed, and with `follow` what changes.

A client is told at its own pace: one that is slow costs a number for each repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import trio

from rhd.control.lookup import PARAMS, find_repos
from rhd.control.verb import ControlConnection, Verb, VerbCall
from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.repos.change_log import ChangeEntry, ChangeLog
from rhd.repos.following import Follower, Topic
from rhd.repos.registry import Repo
from rhd.repos.repo_service import RepoService
from rhd.repos.repo_supervisor import RepoSupervisor

DEFAULT_COUNT = 20
PAGE_CHANGES = 200


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the newest changes, oldest first; or stream them, or what came `since`, then those to come."""
    context, params = request.context, request.params
    repos = await find_repos(context, params)
    count = params["count"] if params["count"] is not None else DEFAULT_COUNT
    if not 0 <= count <= 1000:
        raise Refusal("count must be from 0 to 1000", code="INVALID_ARGUMENT")
    if not params["follow"]:
        changes, told = await _newest(context.services, repos, count)
        return {"changes": changes, "cursors": {repo.slug: told[repo.id] for repo in repos if repo.id in told}}
    known = None if params["since"] is None else _known(repos, params["since"])
    only = None if params["repo"] is None else {repo.id for repo in repos}
    return await _EventStream(context.services, request.connection, only).follow(repos, count, known)


def _known(repos: Sequence[Repo], since: Mapping[str, Any]) -> dict[RepoId, Cursor]:
    if not all(isinstance(text, str) for text in since.values()):
        raise Refusal("since must be an object of cursors by repository", code="INVALID_ARGUMENT")
    cursors = {slug: Cursor(text) for slug, text in since.items()}
    return {repo.id: cursors[repo.slug] for repo in repos if repo.slug in cursors}


async def _newest(
    services: RepoSupervisor, repos: Sequence[Repo], count: int
) -> tuple[list[dict[str, Any]], dict[RepoId, Cursor]]:
    """Return the newest changes, oldest first, and how far they tell of each repository."""
    found: list[tuple[float, dict[str, Any]]] = []
    told: dict[RepoId, Cursor] = {}
    for repo in repos:
        if (service := _service(services, repo.id)) is None:
            continue
        log = service.changes
        part = await log.newest(count)
        told[repo.id] = part.cursor
        found.extend((entry.at, _shown(repo, entry)) for entry in part.changes)
    found.sort(key=lambda pair: pair[0])
    return [shown for _, shown in found[max(0, len(found) - count) :]], told


class _EventStream:
    """One connection that follows some repositories, or all of them, those included that are adopted later."""

    def __init__(self, services: RepoSupervisor, connection: ControlConnection, only: set[RepoId] | None) -> None:
        self._services = services
        self._connection = connection
        self._only = only
        self._follower = Follower()
        self._logs: dict[RepoId, tuple[Repo, ChangeLog]] = {}

    async def follow(self, repos: Sequence[Repo], count: int, known: Mapping[RepoId, Cursor] | None) -> dict[str, bool]:
        """Stream what changes until the client leaves, beginning after the cursors it knows, or with the newest.

        Raises:
            trio.BrokenResourceError: it has left, or does not read and is disconnected.
        """
        self._connection.stay_open()
        is_behind = False
        topics: list[Topic] = [(None, None)] if self._only is None else [(repo_id, None) for repo_id in self._only]
        end = self._services.following.follow(self._follower, topics)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
                with suppress(trio.BrokenResourceError):  # a nursery would wrap it, and it is told from errors by type
                    await self._begin(repos, count, known)
                    await self._tell()
                    is_behind = True
                nursery.cancel_scope.cancel()
        finally:
            end()
        if not is_behind:
            raise trio.BrokenResourceError("the client has left")
        return {"behind": True}

    async def _begin(self, repos: Sequence[Repo], count: int, known: Mapping[RepoId, Cursor] | None) -> None:
        newest, told = await _newest(self._services, repos, count if known is None else 0)
        for shown in newest:
            await self._connection.emit("event", shown)
        for repo in repos:
            if (service := _service(self._services, repo.id)) is None:
                continue
            self._logs[repo.id] = repo, service.changes
            cursor = told.get(repo.id) if known is None else known.get(repo.id)
            is_known = cursor is not None and cursor.log == service.changes.cursor.log
            self._follower.note(repo.id, cursor.number if cursor is not None and is_known else 0)

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        await self._connection.wait_closed()
        scope.cancel()

    async def _tell(self) -> None:
        """Tell of every log that has grown; return once one no longer keeps what comes next."""
        while True:
            while self._follower.behind:
                if not await self._tell_page(*next(iter(self._follower.behind.items()))):
                    return
            await self._follower.wait()

    async def _tell_page(self, repo_id: RepoId, number: int) -> bool:
        """Tell the next page of a log; return whether all that came after `number` is still kept."""
        if self._logs.get(repo_id, (None, None))[1] is not None:
            repo, log = self._logs[repo_id]
        elif (service := _service(self._services, repo_id)) is not None:
            repo, log = self._logs[repo_id] = service.repo, service.changes
        else:
            self._follower.behind.pop(repo_id)
            return True
        if log.is_closed:
            del self._logs[repo_id]  # adopted again it has another log
            self._follower.behind.pop(repo_id)
            if log.last is not None:
                await self._connection.emit("event", _shown(repo, log.last))
            if _service(self._services, repo_id) is not None:
                self._follower.note(repo_id, 0)
            return True
        found = await log.since(Cursor.make(log.cursor.log, number), limit=PAGE_CHANGES)
        if found.reset:
            return log.is_closed
        for entry in found.changes:
            await self._connection.emit("event", _shown(repo, entry))
        self._follower.advance(repo_id, log, found.cursor.number)
        return True


def _service(services: RepoSupervisor, repo_id: RepoId) -> RepoService | None:
    try:
        return services.get(repo_id)
    except Refusal:
        return None


def _shown(repo: Repo, entry: ChangeEntry) -> dict[str, Any]:
    return {**entry.to_json(repo.slug), "via": entry.via, "by": entry.by}


VERB = Verb("events", run, {**PARAMS, "count": int, "follow": bool, "since": dict})
