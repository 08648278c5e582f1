"""`forget`: unregister a repository; its artifacts stay."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Unregister the repository and end what listens to it."""
    context = request.context
    repo = await find_repo(context, request.params)
    clients = len(context.authority.clients(repo.id))
    await context.authority.forget(repo.id)
    context.audit.event("repo.forget", repo_id=repo.id)
    return {"slug": repo.slug, "path": repo.path, "clients": clients}


VERB = Verb("forget", run, PARAMS)
