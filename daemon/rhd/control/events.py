"""`events`: what changed, and with `follow` what changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from rhd.control.selecting import PARAMS, select_repos
from rhd.control.verb import Request, Verb
from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.repos.changes import ChangeEntry
from rhd.repos.registry import Repo

DEFAULT_COUNT = 20
MAX_BEHIND = 4096
"""How many batches a follower may be behind before it is ended: it then asks on from its last cursor."""


async def run(request: Request) -> dict[str, Any]:
    """Return the newest changes, oldest first; or stream them, then those to come, until the client leaves."""
    house, params = request.house, request.params
    repos = await select_repos(house, params)
    count = params["count"] if params["count"] is not None else DEFAULT_COUNT
    if not 0 <= count <= 1000:
        raise Refusal("count must be from 0 to 1000", code="INVALID_ARGUMENT")
    if not params["follow"]:
        return {"changes": await _recent(request, repos, count)}
    return await _follow(request, repos, count)


async def _recent(request: Request, repos: Sequence[Repo], count: int) -> list[dict[str, Any]]:
    found: list[tuple[float, dict[str, Any]]] = []
    for repo in repos:
        log = (await request.house.services.ready(repo.id)).changes
        newest = log.cursor
        after = Cursor.make(newest.log, max(log.oldest - 1, newest.number - count))
        found.extend((e.at, _shown(repo, e)) for e in (await log.since(after, limit=max(count, 1))).changes)
    found.sort(key=lambda pair: pair[0])
    return [shown for _, shown in found[max(0, len(found) - count) :]] if count else []


async def _follow(request: Request, repos: Sequence[Repo], count: int) -> dict[str, Any]:
    wanted: set[RepoId] | None = None if request.params["repo"] is None else {r.id for r in repos}
    send, receive = trio.open_memory_channel[tuple[Repo, Sequence[ChangeEntry]]](MAX_BEHIND)
    behind = trio.Event()

    def note(repo: Repo, entries: Sequence[ChangeEntry]) -> None:
        if wanted is None or repo.id in wanted:
            try:
                send.send_nowait((repo, entries))
            except trio.WouldBlock:
                behind.set()

    end = request.house.services.listen(note)
    try:
        request.connection.stay_open()
        recent = await _recent(request, repos, count)
        told = {shown["cursor"] for shown in recent}  # what came in meanwhile stands among the newest and in the queue
        for shown in recent:
            await request.connection.emit("event", shown)
        async with trio.open_nursery() as nursery:

            async def until(wait: Any) -> None:
                await wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(until, request.connection.wait_closed)
            nursery.start_soon(until, behind.wait)
            async for repo, entries in receive:
                for entry in entries:
                    if entry.cursor not in told:
                        await request.connection.emit("event", _shown(repo, entry))
    finally:
        end()
    return {"behind": behind.is_set()}


def _shown(repo: Repo, entry: ChangeEntry) -> dict[str, Any]:
    return {**entry.to_json(repo.slug), "via": entry.via}


VERB = Verb("events", run, {**PARAMS, "count": int, "follow": bool})
