"""`status`: the daemon and its repositories, each with what is wrong and what to do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_repos
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.doctor.repositories import advise
from rhd.errors import HarnessError
from rhd.ids import RepoId
from rhd.mcpserver.tools.files import cards_json
from rhd.mcpserver.tools.tool_table import tools_hash
from rhd.repos.problems import left_out
from rhd.repos.registry import AgentRuns, Repo
from rhd.repos.repo_service import RepoService
from rhd.runner.agents import AGENTS
from rhd.runner.run import AgentRun
from rhd.workflow.active import find_active, read_pointers
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.git import read_git_facts
from rhd.workflow.root import Root
from rhwire.times import format_ns, format_time
from rhwire.version import VERSION

READ_WITHIN_S = 2.0
"""How long the repositories are read for their branches and sprints."""

READS_AT_ONCE = 8


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe the daemon and the repositories that were asked for."""
    context = request.context
    repos = await find_repos(context, request.params)
    clients, work = count_clients(context), await read_work(context, repos)
    return {
        "daemon": describe_daemon(context),
        "repos": [{**describe_repo(context, repo, clients[repo.id]), **work[repo.id]} for repo in repos],
    }


async def read_work(context: VerbContext, repos: Sequence[Repo]) -> dict[RepoId, dict[str, Any]]:
    """Return the branch and the active sprint of each repository; both are None where it cannot be read in time."""
    found: dict[RepoId, dict[str, Any]] = {repo.id: {"branch": None, "sprint": None} for repo in repos}
    at_once = trio.Semaphore(READS_AT_ONCE)

    async def look(service: RepoService) -> None:
        with suppress(HarnessError):
            async with at_once:
                artifacts = service.artifacts
                found[service.repo.id] = await service.read(partial(_read_work, artifacts))

    with trio.move_on_after(READ_WITHIN_S):
        async with trio.open_nursery() as nursery:
            for repo in repos:
                nursery.start_soon(look, context.services.get(repo.id))
    return found


def _read_work(artifacts: Artifacts, root: Root) -> dict[str, Any]:
    sprints = (artifact for artifact in artifacts.all() if artifact.kind == "sprint")
    sprint = find_active(sprints, read_pointers(root).sprint)
    return {"branch": read_git_facts(root).branch, "sprint": describe_sprint(sprint) if sprint is not None else None}


def describe_sprint(sprint: Artifact) -> dict[str, Any]:
    """Return the sprint that is worked on: its path, title, status and how many of its task cards are done."""
    return {
        "path": sprint.path,
        "title": sprint.title,
        "status": sprint.status,
        "cards": cards_json(sprint.outline),
        "changed_at": format_ns(sprint.recency_ns),
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
        "clients": len(context.authority.clients()) + len(context.endpoints.local_clients()),
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
        "active_run": describe_active_run(context, context.runs.active(repo.id)),
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


def describe_active_run(context: VerbContext, run: AgentRun | None) -> dict[str, Any] | None:
    """Return the agent run that goes on or is queued in a repository; None if there is none."""
    if run is None:
        return None
    cards = context.runs.cards(run)
    return {
        "run_id": run.id,
        "agent": run.agent,
        "state": run.state,
        "queued_at": format_time(run.queued_at),
        "cards": {"done": cards[0], "total": cards[1]} if cards is not None else None,
    }


def describe_problem(context: VerbContext, repo: Repo) -> dict[str, Any] | None:
    """Return `{code, message, next_step}` of what is wrong with a repository; None if nothing is."""
    service = context.services.get(repo.id)
    return (
        None
        if service.problem is None
        else {**service.problem.to_json(), "next_step": advise(service, context.home.client())}
    )


VERB = Verb("status", run, PARAMS)
