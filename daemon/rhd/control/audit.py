"""`audit`: who did what."""

from __future__ import annotations

from functools import partial
from typing import Any

from rhd.control.lookup import PARAMS, find_repo, parse_moment
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.store.audit import AuditRow, read_rows
from rhd.store.repo_rows import read_slugs
from rhwire.times import format_time

DEFAULT_COUNT = 50


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the newest rows of the audit, oldest first: all, or those that a repository and the filters leave."""
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
        limit=count + 1,
    )
    context.audit.flush()
    await context.store.write(lambda connection: None)  # what was just flushed is on disk after this
    found = await context.store.read(query)
    slugs = await context.store.read(read_slugs)
    return {
        "rows": [describe_row(row, slugs) for _, row in reversed(found[:count])],
        "has_more": len(found) > count,
    }


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


VERB = Verb("audit", run, {**PARAMS, "since": str, "client": str, "outcome": str, "count": int})
