"""`grant`: let a connected client do more."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Add a profile on a repository to a client's grants; in force with its next call."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    profile = params["profile"]
    if profile == "orchestrator":
        raise refuse_runs()
    await house.authority.widen(params["client"], repo.id, profile)
    is_started = profile in house.registry.profiles(repo.id)
    return {"client": params["client"], "slug": repo.slug, "profile": profile, "started": is_started}


VERB = Verb("grant", run, {**PARAMS, "client": str, "profile": str}, required=("client", "repo", "profile"))
