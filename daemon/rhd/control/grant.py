"""`grant`: let a connected client do more."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Add a profile on a repository to a client's grants; in force with its next call."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    await house.authority.widen(params["client"], repo.id, params["profile"])
    return {"client": params["client"], "slug": repo.slug, "profile": params["profile"]}


VERB = Verb("grant", run, {**PARAMS, "client": str, "profile": str}, required=("client", "repo", "profile"))
