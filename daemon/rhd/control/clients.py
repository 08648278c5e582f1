"""`clients`: who is connected, since when, and what each may do."""

from __future__ import annotations

from typing import Any

from rhd.access import HUB, PROFILES
from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.control.verb_context import VerbContext
from rhd.mcpserver.callers import LocalClient
from rhd.oauth.authority import ConnectedClient
from rhwire.times import format_time


async def run(request: VerbCall) -> dict[str, Any]:
    """List the clients with a grant, then those on the control socket, oldest first; of a repository, or all."""
    context, params = request.context, request.params
    repo = await find_repo(context, params) if params["repo"] is not None else None
    repo_id = repo.id if repo is not None else None
    found = [describe_client(context, client) for client in context.authority.clients(repo_id)]
    local = [describe_local_client(context, client) for client in context.endpoints.local_clients(repo_id)]
    return {"clients": found + local}


def describe_client(context: VerbContext, connection: ConnectedClient) -> dict[str, Any]:
    """Return one client as lists show it."""
    repos = {}
    for repo_id, profiles in connection.profiles.items():
        repo = context.registry.get(repo_id)
        repos[repo.slug if repo is not None else f"{repo_id} (forgotten)"] = [p for p in PROFILES if p in profiles]
    resource = connection.resource
    if resource not in (None, HUB):
        repo = context.registry.get(resource)
        resource = repo.slug if repo is not None else resource
    return {
        "id": connection.id,
        "name": connection.name,
        "host": connection.host,
        "pid": None,
        "resource": resource,
        "repos": repos,
        "since": format_time(connection.since),
        "used_at": format_time(connection.used_at) if connection.used_at is not None else None,
    }


def describe_local_client(context: VerbContext, client: LocalClient) -> dict[str, Any]:
    """Return one client of the control socket as lists show it; it is connected now, and holds no grant."""
    repo = context.registry.get(client.repo_id) if client.repo_id is not None else None
    return {
        "id": client.id,
        "name": client.name,
        "host": None,
        "pid": client.pid,
        "resource": None,
        "repos": {repo.slug: [p for p in PROFILES if p in client.profiles]} if repo is not None else {},
        "since": format_time(client.connected_at),
        "used_at": None,
    }


VERB = Verb("clients", run, PARAMS)
