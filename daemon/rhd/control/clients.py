"""`clients`: who is connected, since when, and what each may do."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.oauth.authority import ConnectedClient
from rhwire.times import format_time


async def run(request: VerbCall) -> dict[str, Any]:
    """List the clients, oldest first: all, or those that reach one repository."""
    context, params = request.context, request.params
    repo = await find_repo(context, params) if params["repo"] is not None else None
    return {"clients": [describe_client(context, c) for c in context.authority.clients(repo.id if repo else None)]}


def describe_client(context: VerbContext, connection: ConnectedClient) -> dict[str, Any]:
    """Return one client as lists show it."""
    repos = {}
    for repo_id, profiles in connection.profiles.items():
        repo = context.registry.get(repo_id)
        repos[repo.slug if repo is not None else f"{repo_id} (forgotten)"] = [p for p in PROFILES if p in profiles]
    resource = connection.resource
    if resource not in (None, "hub"):
        repo = context.registry.get(resource)
        resource = repo.slug if repo is not None else resource
    return {
        "id": connection.id,
        "name": connection.name,
        "host": connection.host,
        "resource": resource,
        "repos": repos,
        "since": format_time(connection.since),
        "used_at": format_time(connection.used_at) if connection.used_at is not None else None,
    }


VERB = Verb("clients", run, PARAMS)
