"""`grant`: let a connected client do more."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Add a profile on a repository to a client's grants; in force with its next call."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profile = params["profile"]
    if profile == "orchestrator" and context.registry.runs_enabled(repo.id) is None:
        raise refuse_runs(repo)
    await context.authority.widen(params["client"], repo.id, profile)
    is_started = profile in context.registry.profiles(repo.id)
    return {"client": params["client"], "slug": repo.slug, "profile": profile, "started": is_started}


VERB = Verb("grant", run, {**PARAMS, "client": str, "profile": str}, required=("client", "repo", "profile"))
