"""`stop`: let HTTP clients no longer be served with a profile."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.selecting import PARAMS, select_profile, select_repo
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Stop one profile, or all of them if none is named; one that is leased goes on until its lease ends."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    wanted = select_profile(params["profile"]) if params["profile"] is not None else None
    running = house.registry.profiles(repo.id)
    stopping = [name for name in PROFILES if name in running and wanted in (None, name)]
    for profile in stopping:
        await house.registry.stop(repo.id, profile)
        house.audit.add("owner", "stop", "ok", repo_id=repo.id, profile=profile)
    left = house.registry.profiles(repo.id)
    return {
        "slug": repo.slug,
        "stopped": [name for name in stopping if name not in left],
        "leased": [name for name in stopping if name in left],
        "profiles": [name for name in PROFILES if name in left],
    }


VERB = Verb("stop", run, {**PARAMS, "profile": str})
