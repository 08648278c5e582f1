"""`auth-header`: the header that a local client sends over HTTP, from a grant that the owner's own clients have."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.verb import Verb, VerbCall
from rhwire.times import format_time

LOCAL_PROFILES = ("planner", "executor")


async def run(request: VerbCall) -> dict[str, Any]:
    """Issue an access token for one repository on the hub's URL, which the owner's socket alone can ask for."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profiles = [find_profile(params["profile"])] if params["profile"] is not None else list(LOCAL_PROFILES)
    issued = await context.authority.local.issue(f"local client ({repo.slug})", repo.id, profiles)
    return {
        "headers": {"Authorization": f"Bearer {issued.access_token}"},
        "client": issued.grant_id,
        "slug": repo.slug,
        "url": f"{context.url}/mcp",
        "expires_at": format_time(issued.expires_at),
    }


VERB = Verb("auth-header", run, {**PARAMS, "profile": str})
