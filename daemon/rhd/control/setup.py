"""`setup`: what a client's configuration needs to know; the client's side prints or writes it."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.selecting import PARAMS, select_profile, select_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Request, Verb
from rhd.endpoint.tools.table import shown_tools
from rhd.repos.scaffold import COPY


async def run(request: Request) -> dict[str, Any]:
    """Describe how a repository is reached, what is started and wrong there, and the tools that a profile has."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    profile = select_profile(params["profile"] or "executor")
    public = house.settings.public_url
    return {
        "slug": repo.slug,
        "name": repo.name,
        "path": repo.path,
        "profile": profile,
        "tools": [spec.name for spec in shown_tools(frozenset({profile}))],
        "url": f"{house.url}/r/{repo.slug}/mcp",
        "hub_url": f"{house.url}/mcp",
        "endpoint": f"{public}/mcp" if public else None,
        "passphrase_file": COPY,
        "profiles": [name for name in PROFILES if name in house.registry.profiles(repo.id)],
        "problem": describe_problem(house, repo),
    }


VERB = Verb("setup", run, {**PARAMS, "profile": str})
