"""`runs`: the newest agent runs."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.runner.agents import AGENTS
from rhd.runner.client_text import relative_path
from rhd.runner.run import AgentRun, describe_run

DEFAULT_COUNT = 20


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the newest runs of a repository, or of all, newest first."""
    context, params = request.context, request.params
    count = params["count"] if params["count"] is not None else DEFAULT_COUNT
    if not 1 <= count <= 1000:
        raise Refusal("count must be from 1 to 1000", code="INVALID_ARGUMENT")
    repo = await find_repo(context, params) if params["repo"] is not None else None
    found = await context.runs.newest(repo.id if repo is not None else None, limit=count)
    return {"runs": [await owner_json(context, each) for each in found]}


async def owner_json(context: VerbContext, run: AgentRun) -> dict[str, Any]:
    """Return a run as its owner sees it: with the command that runs now and every file that was changed."""
    await context.runs.look(run)
    repo, agent = context.registry.get(run.repo_id), AGENTS.get(run.agent)
    return {
        **describe_run(run),
        "ahead": context.runs.ahead(run),
        "repo": repo.slug if repo is not None else None,
        "client": run.client,
        "principal": run.principal,
        "permissions": agent.permissions if agent is not None else None,
        "allow": list(run.allow),
        "session": run.progress.session,
        "current": run.progress.current,
        "files": [relative_path(path, run.repo_path) or path for path in run.progress.files],
        "uncommitted": list(run.uncommitted) if run.uncommitted is not None else None,
        "last_message": run.progress.last_message,
        "explanation": run.explanation,
    }


VERB = Verb("runs", run, {**PARAMS, "count": int})
