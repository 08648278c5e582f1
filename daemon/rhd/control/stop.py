"""`stop`: let HTTP clients no longer be served with a profile."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb
from rhd.errors import Refusal


async def run(request: Request) -> dict[str, Any]:
    """Stop one profile, or all of them if none is named."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    wanted = params["profile"]
    if wanted is not None and wanted not in PROFILES:
        raise Refusal(f"there is no profile {wanted[:40]!r}; known: {', '.join(PROFILES)}", code="INVALID_ARGUMENT")
    running = house.registry.profiles(repo.id)
    stopped = [name for name in PROFILES if name in running and wanted in (None, name)]
    for profile in stopped:
        await house.registry.stop(repo.id, profile)
        house.audit.add("owner", "stop", "ok", repo_id=repo.id, profile=profile)
    left = [name for name in PROFILES if name in house.registry.profiles(repo.id)]
    return {"slug": repo.slug, "stopped": stopped, "profiles": left}


VERB = Verb("stop", run, {**PARAMS, "profile": str})
