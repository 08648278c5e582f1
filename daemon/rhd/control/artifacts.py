"""`artifacts`: the paths in a repository's catalog, for shells that complete them."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall

MAX_PATHS = 1000


async def run(request: VerbCall) -> dict[str, Any]:
    """List the paths of a repository's artifacts, the newest first, from memory; at most 1,000."""
    repo = await find_repo(request.context, request.params)
    found = sorted(request.context.services.get(repo.id).artifacts.values(), key=lambda each: -each.recency_ns)
    return {"slug": repo.slug, "paths": [str(each.path) for each in found[:MAX_PATHS]]}


VERB = Verb("artifacts", run, PARAMS)
