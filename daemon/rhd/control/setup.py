"""`setup`: what a client's configuration needs to know; the client's side prints or writes it."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Verb, VerbCall
from rhd.mcpserver.tools.tool_table import shown_tools
from rhd.repos.scaffold import COPY


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe how a repository is reached, what is started and wrong there, and the tools that a profile has."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profile = find_profile(params["profile"] or "executor")
    public = context.settings.public_url
    return {
        "slug": repo.slug,
        "name": repo.name,
        "path": repo.path,
        "profile": profile,
        "tools": [spec.name for spec in shown_tools(frozenset({profile}))],
        "url": f"{context.url}/r/{repo.slug}/mcp",
        "hub_url": f"{context.url}/mcp",
        "endpoint": f"{public}/mcp" if public else None,
        "passphrase_file": COPY,
        "profiles": [name for name in PROFILES if name in context.registry.profiles(repo.id)],
        "problem": describe_problem(context, repo),
    }


VERB = Verb("setup", run, {**PARAMS, "profile": str})
