"""`list_workflow_changes`: what changed since, for clients that cannot listen."""

from __future__ import annotations

from typing import Any

from rhd.endpoint.tools.shapes import BOOLEAN, CHANGE, STRING, closed, every, listed, text, whole
from rhd.endpoint.tools.spec import ALL, Call, ToolSpec
from rhd.ids import Cursor
from rhd.repos.changes import ChangeEntry, Since
from rhd.workflow.reach import may_read

MAX_WAIT_S = 25


async def list_workflow_changes(call: Call) -> dict[str, Any]:
    """Answer `list_workflow_changes`.

    A wait ends with the first change that the caller may see; others only move the cursor on.
    """
    log = call.service.changes
    since = call.arguments.get("since")
    if since is None:
        return _answer(call, await log.since(None))
    found = await log.since(Cursor(since))
    if wait_s := call.arguments.get("wait_s", 0):
        with call.backend.waits.at_most(wait_s):
            while not found.reset and not _seen(call, found):
                found = await log.wait(found.cursor, wait_s)
    return _answer(call, found)


def _seen(call: Call, found: Since) -> list[ChangeEntry]:
    reaches = [profile.reach for profile in call.readable]
    return [change for change in found.changes if any(may_read(reach, change.path) for reach in reaches)]


def _answer(call: Call, found: Since) -> dict[str, Any]:
    changes = [change.to_json(call.repo.slug) for change in _seen(call, found)]
    return {"changes": changes, "cursor": found.cursor, "reset": found.reset}


CHANGES = ToolSpec(
    name="list_workflow_changes",
    title="List workflow changes",
    description=(
        "Use this when you want to know what changed since you last looked, without reading everything again. Without "
        "since it returns where to ask on from. With wait_s it waits for the next change. reset means that the cursor "
        "is too old: list the files again."
    ),
    profiles=ALL,
    input=closed(
        [],
        since=text("The cursor of the answer before.", longest=64),
        wait_s=whole("How many seconds to wait for a change if there is none yet.", most=MAX_WAIT_S),
    ),
    output=every(changes=listed(CHANGE), cursor=STRING, reset=BOOLEAN),
    handler=list_workflow_changes,
)
