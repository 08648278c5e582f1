"""`start`: let HTTP clients be served with a profile."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal


async def run(request: VerbCall) -> dict[str, Any]:
    """Start a profile, for good or for as long as this connection lasts."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profile = find_profile(params["profile"] or "planner")
    if profile == "orchestrator" or params["enable_dev_runner"]:
        raise refuse_runs()
    result = {
        "slug": repo.slug,
        "profile": profile,
        "url": f"{context.url}/r/{repo.slug}/mcp",
        "hub_url": f"{context.url}/mcp",
        "leased": bool(params["lease"]),
        "problem": describe_problem(context, repo),
    }
    if not params["lease"]:
        await context.registry.start(repo.id, profile, {})
        context.audit.add("owner", "start", "ok", repo_id=repo.id, profile=profile)
        return result
    end = context.registry.lease(repo.id, profile)
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
