"""`start`: let HTTP clients be served with a profile."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb
from rhd.errors import Refusal


async def run(request: Request) -> dict[str, Any]:
    """Start a profile, for good or for as long as this connection lasts."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    profile = params["profile"] or "planner"
    if profile not in PROFILES:
        raise Refusal(f"there is no profile {profile[:40]!r}; known: {', '.join(PROFILES)}", code="INVALID_ARGUMENT")
    if profile == "orchestrator" or params["enable_dev_runner"]:
        raise Refusal(
            "this version cannot run agents yet, so the orchestrator profile cannot be started",
            code="DEV_RUNNER_DISABLED",
            next_step="Start planner or executor; prepare the goal and run it in the agent yourself.",
        )
    result = {
        "slug": repo.slug,
        "profile": profile,
        "url": f"{house.url}/r/{repo.slug}/mcp",
        "hub_url": f"{house.url}/mcp",
        "leased": bool(params["lease"]),
    }
    if not params["lease"]:
        await house.registry.start(repo.id, profile, {})
        house.audit.add("owner", "start", "ok", repo_id=repo.id, profile=profile)
        return result
    end = house.registry.lease(repo.id, profile)
    try:
        await request.connection.emit("leased", result)
        await request.connection.wait_closed()
    finally:
        end()
    return result


VERB = Verb(
    "start", run, {**PARAMS, "profile": str, "enable_dev_runner": bool, "dev_runner_agents": str, "lease": bool}
)
