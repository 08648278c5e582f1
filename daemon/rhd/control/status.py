"""`status`: the daemon and its repositories, each with what is wrong and what to do."""

from __future__ import annotations

import os
from typing import Any

import trio

from rhd.access import PROFILES
from rhd.control.house import House
from rhd.control.selecting import PARAMS, select_repos
from rhd.control.verb import Request, Verb
from rhd.doctor.repositories import advise
from rhd.repos.registry import Repo
from rhd.repos.service import describe
from rhwire.times import format_time
from rhwire.version import VERSION


async def run(request: Request) -> dict[str, Any]:
    """Describe the daemon and the repositories that were asked for."""
    house = request.house
    repos = await select_repos(house, request.params)
    return {"daemon": describe_daemon(house), "repos": [describe_repo(house, repo) for repo in repos]}


def describe_daemon(house: House) -> dict[str, Any]:
    """Return the daemon's part of the status."""
    usage = house.hints.usage()
    return {
        "pid": os.getpid(),
        "version": VERSION,
        "url": house.url,
        "public_url": house.settings.public_url,
        "socket": house.home.socket,
        "uptime_s": round(trio.current_time() - house.started_at, 1),
        "watch": {
            "watches": usage.watches,
            "max_watches": usage.max_watches,
            "instances": usage.instances,
            "max_instances": usage.max_instances,
            "advice": list(usage.advice),
        },
    }


def describe_repo(house: House, repo: Repo) -> dict[str, Any]:
    """Return one repository's part of the status."""
    service = house.services.get(repo.id)
    last = service.changes.last
    return {
        "slug": repo.slug,
        "path": repo.path,
        "state": service.state,
        "profiles": [name for name in PROFILES if name in house.registry.profiles(repo.id)],
        "url": f"{house.url}/r/{repo.slug}/mcp",
        "watch": service.watch,
        "clients": len(house.authority.clients(repo.id)) + house.endpoints.attached(repo.id),
        "last_change": (
            {"path": last.path, "change": last.change, "at": format_time(last.at), "via": last.via}
            if last is not None
            else None
        ),
        "problem": describe_problem(house, repo),
    }


def describe_problem(house: House, repo: Repo) -> dict[str, Any] | None:
    """Return `{code, message, next_step}` of what is wrong with a repository; None if nothing is."""
    service = house.services.get(repo.id)
    problem = describe(service.problem)
    return None if problem is None else {**problem, "next_step": advise(service)}


VERB = Verb("status", run, PARAMS)
