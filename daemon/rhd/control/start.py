"""`start`: let HTTP clients be served with a profile; and, for the orchestrator, let agents be run."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.status import describe_problem, describe_runs
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.repos.registry import AgentRuns, Repo
from rhd.runner.agents import AGENTS, check_rules, parse_agents
from rhd.settings import DEFAULT_PORT
from rhwire.times import format_time


async def run(request: VerbCall) -> dict[str, Any]:
    """Start a profile, for good or for as long as this connection lasts."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profile = find_profile(params["profile"] or "planner")
    runs = wanted_runs(context, repo, profile, params)
    is_leased = bool(params["lease"])
    if not is_leased and any(params[name] is not None for name in ("host", "port", "ends_daemon")):
        raise Refusal("host, port and ends_daemon belong to a lease", code="INVALID_ARGUMENT")
    result: dict[str, Any] = {
        "slug": repo.slug,
        "profile": profile,
        "url": f"{context.url}/r/{repo.slug}/mcp",
        "hub_url": f"{context.url}/mcp",
        "leased": is_leased,
        "agent_runs": describe_runs(replace(runs, is_leased=is_leased)) if runs is not None else None,
        "problem": describe_problem(context, repo),
    }
    if not is_leased:
        await context.registry.start(repo.id, profile, runs.to_options() if runs is not None else {})
        context.audit.event("profile.start", repo_id=repo.id, profile=profile)
        return {**result, "dormant": list_dormant(context, repo)}
    result |= {
        "listener": None,
        "ends_profile": profile not in context.registry.profiles(repo.id),
        "ends_daemon": bool(params["ends_daemon"]),
        "dormant": list_dormant(context, repo),
    }
    async with _listening(context, params) as listener:
        if listener is not None:
            result |= {"url": f"{listener}/r/{repo.slug}/mcp", "hub_url": f"{listener}/mcp", "listener": listener}
        end = context.registry.lease(repo.id, profile, runs)
        if runs is not None:
            context.audit.event("profile.start", repo_id=repo.id, profile=profile)
            result["dormant"] = list_dormant(context, repo)
        try:
            await request.connection.emit("leased", result)
            await request.connection.wait_closed()
        finally:
            end()
            if params["ends_daemon"]:
                context.stop.set()
    return result


@asynccontextmanager
async def _listening(context: VerbContext, params: Mapping[str, Any]) -> AsyncIterator[str | None]:
    """Listen on the address that a lease asks for; yield its origin, or None where the daemon listens already."""
    if params["host"] is None and params["port"] is None:
        yield None
        return
    host = params["host"] if params["host"] not in (None, "localhost") else "127.0.0.1"
    port = params["port"] if params["port"] is not None else DEFAULT_PORT
    if (host, port) == (context.settings.host, context.port):
        yield None
        return
    async with context.listen(host, port) as origin:
        yield origin


def list_dormant(context: VerbContext, repo: Repo) -> list[dict[str, str]]:
    """Return the grants whose orchestrator is dormant: it is older than the permission to run agents."""
    found = []
    for client in context.authority.clients(repo.id):
        principal = context.authority.principal(client.id)
        is_held = "orchestrator" in client.profiles.get(repo.id, ())
        if is_held and principal is not None and not principal.may(repo.id, "orchestrator"):
            found.append({"id": client.id, "client": client.name, "since": format_time(client.since)})
    return found if context.registry.runs_enabled(repo.id) is not None else []


def wanted_runs(context: VerbContext, repo: Repo, profile: str, params: Mapping[str, Any]) -> AgentRuns | None:
    """Return the permission to run agents that a start asks for; None for other profiles than the orchestrator.

    The orchestrator is started only together with that permission: alone it could do nothing.

    Raises:
        Refusal: DEV_RUNNER_DISABLED, it was not asked for; INVALID_AGENT; INVALID_ARGUMENT.
    """
    is_enabling, agents, allow = params["enable_dev_runner"], params["dev_runner_agents"], params["allow"]
    if profile != "orchestrator":
        if is_enabling or allow:
            raise Refusal(
                "agent runs belong to the orchestrator profile",
                code="INVALID_ARGUMENT",
                next_step=f"Add --profile orchestrator: rhctl start {repo.slug} --profile orchestrator "
                "--enable-dev-runner",
            )
        return None
    enabled = context.registry.runs_enabled(repo.id)
    if not is_enabling:
        options = context.registry.options(repo.id, profile)
        if options and agents is None and not allow:
            return AgentRuns.of_options(options)
        raise refuse_runs(repo)
    wanted = AgentRuns(
        parse_agents(agents), check_rules(allow or ()), enabled.since if enabled is not None else time.time()
    )
    if wanted.allow and not any(AGENTS[name].takes_rules for name in wanted.agents):
        taking = [agent.name for agent in AGENTS.values() if agent.takes_rules]
        raise Refusal(
            f"--allow is for {' and '.join(taking)}, which is not among the agents",
            code="INVALID_ARGUMENT",
            next_step=f"Add it: --dev-runner-agents {','.join([*wanted.agents, *taking])}",
        )
    return wanted


def refuse_runs(repo: Repo) -> Refusal:
    """Return the refusal of a request that needs agent runs where they are not enabled."""
    return Refusal(
        f"running agents is not enabled for {repo.slug}",
        code="DEV_RUNNER_DISABLED",
        next_step=f"Enable it with: rhctl start {repo.slug} --profile orchestrator --enable-dev-runner",
    )


VERB = Verb(
    "start",
    run,
    {
        **PARAMS,
        "profile": str,
        "enable_dev_runner": bool,
        "dev_runner_agents": str,
        "allow": list,
        "lease": bool,
        "host": str,
        "port": int,
        "ends_daemon": bool,
    },
)
