"""`attach`: the connection becomes MCP. The stdio bridge is its client (`rhctl connect`)."""

from __future__ import annotations

from typing import Any

from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Verb, VerbCall
from rhd.mcpserver.line_framing import line_streams
from rhwire.version import VERSION

LOCAL_PROFILES = ("planner", "executor")
"""What the owner's own agents are served unless they name a profile; started and stopped is HTTP's matter."""


async def run(request: VerbCall) -> dict[str, Any]:
    """Say what the connection will be; it becomes that once this is answered."""
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    profiles = [find_profile(params["profile"])] if params["profile"] is not None else list(LOCAL_PROFILES)
    if "orchestrator" in profiles and context.registry.runs_enabled(repo.id) is None:
        raise refuse_runs(repo)
    service = await context.services.ready(repo.id)
    return {
        "slug": repo.slug,
        "id": repo.id,
        "profiles": profiles,
        "cursor": service.changes.cursor,
        "version": VERSION,
    }


async def take_over(request: VerbCall, result: dict[str, Any]) -> None:
    """Speak MCP until either side ends it."""
    context, connection = request.context, request.connection
    repo = context.registry.get(result["id"])
    if repo is None:
        return
    label = request.params["label"] or f"process {connection.peer.pid}"
    lines = line_streams(connection.stream, bytes(connection.rest), connection.drain_by_itself())
    async with lines as (read_stream, write_stream):
        await context.endpoints.attach(repo, label[:80], frozenset(result["profiles"]), read_stream, write_stream)


VERB = Verb("attach", run, {**PARAMS, "profile": str, "label": str}, takes_over=take_over)
