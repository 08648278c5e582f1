"""`forget`: make a repository unreachable; its artifacts stay."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Unregister the repository and end what listens to it."""
    house = request.house
    repo = await select_repo(house, request.params)
    clients = len(house.authority.clients(repo.id))
    await house.registry.forget(repo.id)
    house.audit.add("owner", "forget", "ok", repo_id=repo.id)
    return {"slug": repo.slug, "path": repo.path, "clients": clients}


VERB = Verb("forget", run, PARAMS)
