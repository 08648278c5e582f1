"""`attach`: the connection becomes MCP. The stdio bridge (`rhctl connect`) is its client."""

from __future__ import annotations

import time
from typing import Any

import trio

from rhd.access import PROFILES
from rhd.control.lookup import PARAMS, find_profile, find_repo
from rhd.control.start import refuse_runs
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.hosting.wakeup import Wakeup
from rhd.ids import Cursor, RepoId, new_token
from rhd.mcpserver.callers import LocalClient
from rhd.mcpserver.line_framing import line_streams
from rhd.mcpserver.tools.tool_table import TOOLS, tools_hash
from rhd.repos.registry import RegistryChange, Repo
from rhwire.version import VERSION

LOCAL_PROFILES = ("planner", "executor")
"""What the owner's agents are served unless they name a profile; `start` and `stop` concern HTTP clients only."""

REPEATABLE = [spec.name for spec in TOOLS.values() if not spec.is_writing or spec.is_idempotent]
"""The tools that a bridge may call again when a restart of the daemon took away the answer."""

MAX_NAME_CHARS = 80


async def run(request: VerbCall) -> dict[str, Any]:
    """Return what the connection serves, then switch it to MCP.

    A folder in no adopted repository is no error: an agent shows what its tools answer, and not why they are missing.
    """
    context, params = request.context, request.params
    profiles = [find_profile(params["profile"])] if params["profile"] is not None else list(LOCAL_PROFILES)
    repo = await _find_repo(request)
    if "orchestrator" in profiles and repo is not None and context.registry.runs_enabled(repo.id) is None:
        raise refuse_runs(repo)
    return {
        "slug": repo.slug if repo is not None else None,
        "id": repo.id if repo is not None else None,
        "profiles": profiles,
        "cursor": context.services.get(repo.id).changes.cursor if repo is not None else None,
        "version": VERSION,
        "tools_hash": tools_hash(frozenset(profiles if repo is not None else PROFILES), repo is None),
        "repeatable": REPEATABLE,
    }


async def take_over(request: VerbCall, result: dict[str, Any]) -> None:
    """Serve MCP until either side ends the connection, or until a repository is adopted around a client without one."""
    context, connection = request.context, request.connection
    client = _client(request, result)
    lines = line_streams(connection.stream, connection.lines.take_rest(), connection.drain_by_itself())
    async with trio.open_nursery() as nursery:
        if client.repo_id is None:
            nursery.start_soon(_end_when_adopted, request, nursery.cancel_scope)
        async with lines as (read_stream, write_stream):
            await context.endpoints.attach(client, read_stream, write_stream)
        nursery.cancel_scope.cancel()
    if not connection.is_draining:
        context.endpoints.forget_local(client.id)


async def _find_repo(request: VerbCall) -> Repo | None:
    try:
        return await find_repo(request.context, request.params)
    except Refusal as refusal:
        if refusal.code not in ("REPO_NOT_ADOPTED", "REPO_NOT_FOUND"):
            raise
        return None


def _client(request: VerbCall, result: dict[str, Any]) -> LocalClient:
    params, peer = request.params, request.connection.peer
    repo_id = RepoId(result["id"]) if result["id"] is not None else None
    number = None
    if repo_id is not None and params["client"] is not None:
        newest = Cursor(result["cursor"])
        first = Cursor(params["cursor"]) if params["cursor"] is not None else newest
        number = min(first.number, newest.number) if first.log == newest.log else newest.number
    return LocalClient(
        id=f"owner:{params['client'] or new_token(12)}",
        name=(params["label"] or f"process {peer.pid}")[:MAX_NAME_CHARS],
        pid=peer.pid,
        repo_id=repo_id,
        profiles=frozenset(result["profiles"]),
        connected_at=time.time(),
        cursor_number=number,
    )


async def _end_when_adopted(request: VerbCall, scope: trio.CancelScope) -> None:
    """Cancel `scope` once there is a repository to serve; the bridge reconnects, and its client's tools are others."""
    changed = Wakeup()

    def note(change: RegistryChange) -> None:
        if change.what in ("adopted", "moved"):
            changed.set()

    end = request.context.registry.listen(note)
    try:
        while await _find_repo(request) is None:
            await changed.wait()
    finally:
        end()
    scope.cancel()


VERB = Verb(
    "attach",
    run,
    {**PARAMS, "profile": str, "label": str, "client": str, "cursor": str},
    takes_over=take_over,
)
