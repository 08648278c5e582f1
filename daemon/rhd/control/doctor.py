"""`doctor`: what is wrong, why, and what to do."""

from __future__ import annotations

from typing import Any

from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb


async def run(request: Request) -> dict[str, Any]:
    """Return the findings about one repository, or about everything."""
    house, params = request.house, request.params
    repo = await select_repo(house, params) if params["repo"] is not None else None
    findings = await house.examine(repo.id if repo is not None else None)
    return {"findings": [finding.to_json() for finding in findings]}


VERB = Verb("doctor", run, PARAMS)
