"""`setup`: what a client's configuration needs to know; the client's side prints or writes it."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.status import describe_problem
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.mcpserver.tools.tool_table import shown_tools
from rhd.repos.registry import Repo
from rhd.repos.scaffold import COPY


async def run(request: VerbCall) -> dict[str, Any]:
    """Describe how a repository is reached, what is started and wrong there, and the tools that a profile has.

    A user's own configuration is about no repository: with `scope` user, none has to be found.
    """
    context, params = request.context, request.params
    repo = await _find_repo(request)
    profile = find_profile(params["profile"] or "executor")
    public = context.settings.public_url
    about: dict[str, Any] = {"slug": None, "name": None, "path": None, "url": None, "profiles": [], "problem": None}
    if repo is not None:
        about = {
            "slug": repo.slug,
            "name": repo.name,
            "path": repo.path,
            "url": f"{context.url}/r/{repo.slug}/mcp",
            "profiles": [name for name in PROFILES if name in context.registry.profiles(repo.id)],
            "problem": describe_problem(context, repo),
        }
    return {
        **about,
        "profile": profile,
        "tools": [spec.name for spec in shown_tools(frozenset({profile}))],
        "hub_url": f"{context.url}/mcp",
        "endpoint": f"{public}/mcp" if public else None,
        "passphrase_file": COPY,
    }


async def _find_repo(request: VerbCall) -> Repo | None:
    try:
        return await find_repo(request.context, request.params)
    except Refusal:
        if request.params["scope"] == "user" and request.params["repo"] is None:
            return None
        raise


VERB = Verb("setup", run, {**PARAMS, "profile": str, "scope": str})
