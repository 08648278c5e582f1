"""`attach`: the connection becomes MCP. The stdio bridge is its client (`rhctl connect`)."""

from __future__ import annotations

from typing import Any

from rhd.access import PROFILES
from rhd.control.selecting import PARAMS, select_repo
from rhd.control.verb import Request, Verb
from rhd.endpoint.lines import line_streams
from rhd.errors import Refusal
from rhwire.version import VERSION

LOCAL_PROFILES = ("planner", "executor")
"""What the owner's own agents are served unless they name a profile; started and stopped is HTTP's matter."""


async def run(request: Request) -> dict[str, Any]:
    """Say what the connection will be; it becomes that once this is answered."""
    house, params = request.house, request.params
    repo = await select_repo(house, params)
    profile = params["profile"]
    if profile is not None and profile not in PROFILES:
        raise Refusal(f"there is no profile {profile[:40]!r}; known: {', '.join(PROFILES)}", code="INVALID_ARGUMENT")
    if profile == "orchestrator":
        raise Refusal("running agents is not enabled for this repository", code="DEV_RUNNER_DISABLED")
    service = await house.services.ready(repo.id)
    profiles = [profile] if profile else list(LOCAL_PROFILES)
    return {
        "slug": repo.slug,
        "id": repo.id,
        "profiles": profiles,
        "cursor": service.changes.cursor,
        "version": VERSION,
    }


async def take_over(request: Request, result: dict[str, Any]) -> None:
    """Speak MCP until either side ends it."""
    house, connection = request.house, request.connection
    repo = house.registry.get(result["id"])
    if repo is None:
        return
    label = request.params["label"] or f"process {connection.peer.pid}"
    lines = line_streams(connection.stream, bytes(connection.rest), connection.drain_by_itself())
    async with lines as (read_stream, write_stream):
        await house.endpoints.attach(repo, label[:80], frozenset(result["profiles"]), read_stream, write_stream)


VERB = Verb("attach", run, {**PARAMS, "profile": str, "label": str}, takes_over=take_over)
