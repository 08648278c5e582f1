"""`run`: one agent run, with all that its agent did; what it holds of source code goes to the owner alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio

from rhd.control.runs import owner_json
from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.runner.run import AgentRun
from rhwire.times import format_time

EMIT_EVERY_S = 0.1
BEAT_EVERY_S = 1.0


async def run(request: VerbCall) -> dict[str, Any]:
    """Answer `show` (the run, and a page of what its agent did after a number), `cancel`, or stream for `follow`."""
    context, params = request.context, request.params
    found = await context.runs.get(params["id"])
    after = params["after"] or 0
    match params["action"]:
        case "show":
            return {"run": await owner_json(context, found), "items": await _items(request, found, after)}
        case "cancel":
            await context.runs.cancel(found, "cancelled_by_owner")
            context.audit.event("run.cancel", repo_id=found.repo_id, target=found.id)
            return {"run": await owner_json(context, found), "items": []}
        case "follow":
            await _follow(request, found, after)
            return {"run": await owner_json(context, found), "items": []}
    raise Refusal("action must be show, follow or cancel", code="INVALID_ARGUMENT")


async def _items(request: VerbCall, run: AgentRun, after: int) -> list[dict[str, Any]]:
    found = await request.context.runs.read_items(run.id, after)
    return [{"number": row.number, "at": format_time(row.at), **row.item} for row in found]


async def _follow(request: VerbCall, run: AgentRun, after: int) -> None:
    """Stream what the agent does until the run has ended and all of it was told.

    Raises:
        trio.BrokenResourceError: the client has left.
    """
    connection, has_ended = request.connection, False
    connection.stay_open()
    async with trio.open_nursery() as nursery:

        async def cancel_when_gone() -> None:
            await connection.wait_closed()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_when_gone)
        with suppress(trio.BrokenResourceError):  # a nursery would wrap it
            while True:
                news, is_last = run.news, run.has_ended
                items = await _items(request, run, after)
                if items:
                    after = items[-1]["number"]
                await connection.emit("run", {"run": await owner_json(request.context, run), "items": items})
                if is_last and not items:
                    has_ended = True
                    break
                if not items and not is_last:
                    with trio.move_on_after(BEAT_EVERY_S):
                        await news.wait()
                await trio.sleep(EMIT_EVERY_S)
        nursery.cancel_scope.cancel()
    if not has_ended:
        raise trio.BrokenResourceError("the client has left")


VERB = Verb("run", run, {"action": str, "id": str, "after": int}, required=("action", "id"))
