"""`start`: let HTTP clients be served with a profile."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_profile, select_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Request, Verb
from rhd.errors import Refusal


async def run(request: Request) -> dict[str, Any]:
    """Start a profile, for good or for as long as this connection lasts."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    profile = select_profile(params["profile"] or "planner")
    if profile == "orchestrator" or params["enable_dev_runner"]:
        raise refuse_runs()
    result = {
        "slug": repo.slug,
        "profile": profile,
        "url": f"{house.url}/r/{repo.slug}/mcp",
        "hub_url": f"{house.url}/mcp",
        "leased": bool(params["lease"]),
        "problem": describe_problem(house, repo),
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


def refuse_runs() -> Refusal:
    """Return what whoever asks for the orchestrator profile is told."""
    return Refusal(
        "this version cannot run agents yet, so there is nothing that the orchestrator profile could do",
        code="DEV_RUNNER_DISABLED",
        next_step="Use planner or executor: prepare the goal, and run it in the agent yourself.",
    )


VERB = Verb(
    "start", run, {**PARAMS, "profile": str, "enable_dev_runner": bool, "dev_runner_agents": str, "lease": bool}
)
