"""`events`: what changed, and with `follow` what changes.

A follower is told from the logs on disk, at its own pace: one that is slow costs a cursor for each repository.
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
from rhd.repos.change_log import ChangeEntry
from rhd.repos.registry import Repo
from rhd.repos.repo_service import RepoService
from rhd.repos.supervisor import Supervisor

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
    return await _Follower(context.services, request.connection, only).follow(repos, count, known)


def _known(repos: Sequence[Repo], since: Mapping[str, Any]) -> dict[RepoId, Cursor]:
    if not all(isinstance(text, str) for text in since.values()):
        raise Refusal("since must be an object of cursors by repository", code="INVALID_ARGUMENT")
    cursors = {slug: Cursor(text) for slug, text in since.items()}
    return {repo.id: cursors[repo.slug] for repo in repos if repo.slug in cursors}


async def _newest(
    services: Supervisor, repos: Sequence[Repo], count: int
) -> tuple[list[dict[str, Any]], dict[RepoId, Cursor]]:
    """Return the newest changes, oldest first, and how far they tell of each repository."""
    found: list[tuple[float, dict[str, Any]]] = []
    told: dict[RepoId, Cursor] = {}
    for repo in repos:
        if (service := _service(services, repo.id)) is None:
            continue
        log = service.changes
        newest = log.cursor
        after = Cursor.make(newest.log, max(log.oldest - 1, newest.number - count))
        part = await log.since(after, limit=max(count, 1))
        told[repo.id] = part.cursor
        found.extend((entry.at, _shown(repo, entry)) for entry in part.changes)
    found.sort(key=lambda pair: pair[0])
    return [shown for _, shown in found[max(0, len(found) - count) :]], told


class _Follower:
    """One connection that follows some repositories, or all of them, those included that are adopted later."""

    def __init__(self, services: Supervisor, connection: ControlConnection, only: set[RepoId] | None) -> None:
        self._services = services
        self._connection = connection
        self._only = only
        self._told: dict[RepoId, Cursor] = {}
        self._grown: set[RepoId] = set()
        self._news = trio.Event()

    async def follow(self, repos: Sequence[Repo], count: int, known: Mapping[RepoId, Cursor] | None) -> dict[str, bool]:
        """Stream what changes until the client leaves, beginning after the cursors it knows, or with the newest.

        Raises:
            trio.BrokenResourceError: it has left, or does not read and is hung up on.
        """
        self._connection.stay_open()
        is_behind = False
        end = self._services.listen(self._note)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
                with suppress(trio.BrokenResourceError):  # a nursery would wrap it, and it is told from errors by type
                    if known is None:
                        newest, self._told = await _newest(self._services, repos, count)
                        for shown in newest:
                            await self._connection.emit("event", shown)
                    else:
                        self._told = dict(known)
                    self._grown.update(repo.id for repo in repos)
                    await self._tell()
                    is_behind = True
                nursery.cancel_scope.cancel()
        finally:
            end()
        if not is_behind:
            raise trio.BrokenResourceError("the client has left")
        return {"behind": True}

    def _note(self, repo: Repo, _: Sequence[ChangeEntry]) -> None:
        if self._only is None or repo.id in self._only:
            self._grown.add(repo.id)
            self._news.set()

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        await self._connection.wait_closed()
        scope.cancel()

    async def _tell(self) -> None:
        """Tell of every log that has grown; return once one no longer keeps what comes next."""
        while True:
            while self._grown:
                if not await self._tell_page(self._grown.pop()):
                    return
            await self._news.wait()
            self._news = trio.Event()

    async def _tell_page(self, repo_id: RepoId) -> bool:
        """Tell the next page of a log; return whether all that came after what was told is still kept."""
        if (service := _service(self._services, repo_id)) is None:
            return True
        log, after = service.changes, self._told.get(repo_id)
        if after is None or after.log != log.cursor.log:  # adopted since, or again: nothing of this log was told
            after = Cursor.make(log.cursor.log, 0)
        found = await log.since(after, limit=PAGE_CHANGES)
        if found.reset:
            return log.is_closed or log.keeps(after)  # it is being forgotten: there is nothing left to tell of it
        for entry in found.changes:
            await self._connection.emit("event", _shown(service.repo, entry))
        self._told[repo_id] = found.cursor
        if found.changes:
            self._grown.add(repo_id)  # there may be another page
        return True


def _service(services: Supervisor, repo_id: RepoId) -> RepoService | None:
    try:
        return services.get(repo_id)
    except Refusal:
        return None


def _shown(repo: Repo, entry: ChangeEntry) -> dict[str, Any]:
    return {**entry.to_json(repo.slug), "via": entry.via}


VERB = Verb("events", run, {**PARAMS, "count": int, "follow": bool, "since": dict})
