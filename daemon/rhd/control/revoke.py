"""`revoke`: let a client do less, or nothing."""

from __future__ import annotations

from typing import Any

from rhd.control.grant import list_grants
from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Take a repository out of a client's grants, or without one end them; list those grants. Their streams end too."""
    context, params = request.context, request.params
    repo = await find_repo(context, params) if params["repo"] is not None else None
    revoked = await context.authority.revoke(params["client"], repo.id if repo is not None else None)
    return {
        "client": params["client"],
        "slug": repo.slug if repo is not None else None,
        "grants": list_grants(revoked),
    }


VERB = Verb("revoke", run, {**PARAMS, "client": str}, required=("client",))
