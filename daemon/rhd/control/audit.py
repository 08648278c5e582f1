"""`audit`: who did what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from rhd.control.lookup import PARAMS, find_repo, parse_moment
from rhd.control.verb import ControlConnection, Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.store.audit import AuditRow, read_rows
from rhd.store.repo_rows import read_slugs
from rhwire.times import format_time

DEFAULT_COUNT = 50
PAGE_ROWS = 200


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the newest rows of the audit that the filters leave, oldest first; or stream them, then those to come."""
    context, params = request.context, request.params
    repo = await find_repo(context, params) if params["repo"] is not None else None
    count = params["count"] if params["count"] is not None else DEFAULT_COUNT
    if not 1 <= count <= 1000:
        raise Refusal("count must be from 1 to 1000", code="INVALID_ARGUMENT")
    query = partial(
        read_rows,
        repo_id=repo.id if repo is not None else None,
        since=parse_moment(params["since"]),
        client=params["client"],
        outcome=params["outcome"],
        action=params["action"],
    )
    if params["follow"]:
        await _AuditStream(context, request.connection, query).follow(count, params["after"])
        raise trio.BrokenResourceError("the client has left")
    context.audit.flush()
    await context.store.write(lambda connection: None)  # what was just flushed is on disk after this
    found = await context.store.read(partial(query, limit=count + 1))
    slugs = await context.store.read(read_slugs)
    return {
        "rows": [describe_row(row, slugs) for _, row in reversed(found[:count])],
        "has_more": len(found) > count,
    }


class _AuditStream:
    """One connection that follows the audit; it reads the rows from the database, so that a slow one costs nothing."""

    def __init__(
        self, context: VerbContext, connection: ControlConnection, query: Callable[..., list[tuple[int, AuditRow]]]
    ) -> None:
        self._context = context
        self._connection = connection
        self._query = query

    async def follow(self, count: int, after: int | None) -> None:
        """Stream the newest rows, or those after a number, then those to come, until the client leaves."""
        self._connection.stay_open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError):
                await self._tell(count, after)
            nursery.cancel_scope.cancel()

    async def _tell(self, count: int, after: int | None) -> None:
        store, audit = self._context.store, self._context.audit
        audit.flush()
        while True:
            flushed = audit.flushed
            await store.write(lambda connection: None)  # what was flushed is on disk after this
            found = await store.read(partial(self._query, after=after, limit=count if after is None else PAGE_ROWS))
            if after is None:
                found.reverse()
            slugs = await store.read(read_slugs) if found else {}
            for number, row in found:
                await self._connection.emit("event", {**describe_row(row, slugs), "number": number})
            after = found[-1][0] if found else after or 0
            if len(found) < PAGE_ROWS:
                await flushed.wait()

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        await self._connection.wait_closed()
        scope.cancel()


def describe_row(row: AuditRow, slugs: dict[str, str]) -> dict[str, Any]:
    """Return one row as lists show it; `slugs` names repositories by id, forgotten ones too."""
    return {
        "at": format_time(row.at),
        "principal": row.principal,
        "client": row.client,
        "action": row.action,
        "repo": slugs.get(row.repo_id, row.repo_id) if row.repo_id is not None else None,
        "profile": row.profile,
        "target": row.target,
        "outcome": row.outcome,
        "duration_ms": round(row.duration_ms),
        "count": row.count,
    }


VERB = Verb(
    "audit",
    run,
    {**PARAMS, "since": str, "client": str, "outcome": str, "action": str, "count": int, "follow": bool, "after": int},
)
