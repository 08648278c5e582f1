"""`stop`: disable a profile for HTTP clients."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Stop one profile, or all of them if none is named; one that is leased goes on until its lease ends."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    wanted = find_profile(params["profile"]) if params["profile"] is not None else None
    running = context.registry.profiles(repo.id)
    stopping = [name for name in PROFILES if name in running and wanted in (None, name)]
    for profile in stopping:
        await context.registry.stop(repo.id, profile)
        context.audit.event("profile.stop", repo_id=repo.id, profile=profile)
    left = context.registry.profiles(repo.id)
    return {
        "slug": repo.slug,
        "stopped": [name for name in stopping if name not in left],
        "leased": [name for name in stopping if name in left],
        "profiles": [name for name in PROFILES if name in left],
    }


VERB = Verb("stop", run, {**PARAMS, "profile": str})
