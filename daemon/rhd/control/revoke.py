"""`revoke`: let a client do less, or nothing."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Take a repository out of a client's grants; without one, end them. Its streams end too."""
    house, params = request.house, request.params
    repo = await select_repo(house, params) if params["repo"] is not None else None
    await house.authority.revoke(params["client"], repo.id if repo is not None else None)
    return {"client": params["client"], "slug": repo.slug if repo is not None else None}


VERB = Verb("revoke", run, {**PARAMS, "client": str}, required=("client",))
