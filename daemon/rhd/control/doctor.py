"""`doctor`: what is wrong, why, and what to do."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the findings about one repository, or about everything."""
    context, params = request.context, request.params
    repo = await find_repo(context, params) if params["repo"] is not None else None
    findings = await context.examine(repo.id if repo is not None else None)
    rhctl = context.home.client()
    return {
        "url": context.url,
        "public_url": context.settings.public_url,
        "findings": [finding.to_json(rhctl) for finding in findings],
    }


VERB = Verb("doctor", run, PARAMS)
