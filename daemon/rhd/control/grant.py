"""`grant`: let a connected client do more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Verb, VerbCall
from rhd.oauth.authority import ConnectedClient
from rhwire.times import format_time


async def run(request: VerbCall) -> dict[str, Any]:
    """Add a profile on a repository to a client's grants, from its next call on; list those grants."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profile = params["profile"]
    if profile == "orchestrator" and context.registry.runs_enabled(repo.id) is None:
        raise refuse_runs(repo)
    widened = await context.authority.widen(params["client"], repo.id, profile)
    is_started = profile in context.registry.profiles(repo.id)
    return {
        "client": params["client"],
        "slug": repo.slug,
        "profile": profile,
        "started": is_started,
        "grants": list_grants(widened),
    }


def list_grants(grants: Sequence[ConnectedClient]) -> list[dict[str, str]]:
    """Return what tells grants of one name apart: each one's id, client and when it was made."""
    return [{"id": g.id, "client": g.name, "since": format_time(g.since)} for g in grants]


VERB = Verb("grant", run, {**PARAMS, "client": str, "profile": str}, required=("client", "repo", "profile"))
