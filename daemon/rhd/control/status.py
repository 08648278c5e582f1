"""`status`: the daemon and its repositories, each with what is wrong and what to do."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import trio

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_repos
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.doctor.repositories import advise
from rhd.ids import RepoId
from rhd.mcpserver.tools.tool_table import tools_hash
from rhd.repos.problems import left_out
from rhd.repos.registry import AgentRuns, Repo
from rhd.runner.agents import AGENTS
from rhwire.times import format_time
from rhwire.version import VERSION


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe the daemon and the repositories that were asked for."""
    context = request.context
    repos = await find_repos(context, request.params)
    clients = count_clients(context)
    return {
        "daemon": describe_daemon(context),
        "repos": [describe_repo(context, repo, clients[repo.id]) for repo in repos],
    }


def count_clients(context: VerbContext) -> Counter[RepoId]:
    """Return how many clients reach each repository, in one pass over the grants."""
    local = context.endpoints.local_clients()
    counts = Counter(client.repo_id for client in local if client.repo_id is not None)
    for client in context.authority.clients():
        counts.update(client.profiles.keys())
    return counts


def describe_daemon(context: VerbContext) -> dict[str, Any]:
    """Return the daemon's part of the status."""
    usage = context.hints.usage()
    return {
        "pid": os.getpid(),
        "version": VERSION,
        "url": context.url,
        "public_url": context.settings.public_url,
        "socket": context.home.socket,
        "uptime_s": round(trio.current_time() - context.started_at, 1),
        "last_day": context.audit.last_day(),
        "watch": {
            "watches": usage.watches,
            "max_watches": usage.max_watches,
            "instances": usage.instances,
            "max_instances": usage.max_instances,
            "advice": list(usage.advice),
        },
    }


def describe_repo(context: VerbContext, repo: Repo, clients: int) -> dict[str, Any]:
    """Return one repository's part of the status.

    Args:
        clients: how many clients reach it.
    """
    service = context.services.get(repo.id)
    last, profiles = service.changes.last, context.registry.profiles(repo.id)
    return {
        "slug": repo.slug,
        "path": repo.path,
        "state": service.state,
        "profiles": [name for name in PROFILES if name in profiles],
        "tools_hash": tools_hash(profiles, is_hub=False),
        "agent_runs": describe_runs(context.registry.runs_enabled(repo.id)),
        "url": f"{context.url}/r/{repo.slug}/mcp",
        "watch": service.watch,
        "clients": clients,
        "last_change": (
            {"path": last.path or None, "change": last.change, "at": format_time(last.at), "via": last.via}
            if last is not None
            else None
        ),
        "problem": describe_problem(context, repo),
        "left_out": left_out(service.catalog_problems) if service.is_served else None,
    }


def describe_runs(runs: AgentRuns | None) -> dict[str, Any] | None:
    """Return which agents may be run in a repository and since when; None if none may."""
    if runs is None:
        return None
    return {
        "agents": list(runs.agents),
        "permissions": {name: AGENTS[name].permissions for name in runs.agents if name in AGENTS},
        "allow": list(runs.allow),
        "since": format_time(runs.since),
        "leased": runs.is_leased,
    }


def describe_problem(context: VerbContext, repo: Repo) -> dict[str, Any] | None:
    """Return `{code, message, next_step}` of what is wrong with a repository; None if nothing is."""
    service = context.services.get(repo.id)
    return None if service.problem is None else {**service.problem.to_json(), "next_step": advise(service)}


VERB = Verb("status", run, PARAMS)
