"""`list_workflow_changes`: what changed since, for clients that cannot listen."""

from __future__ import annotations

from typing import Any

from rhd.ids import Cursor
from rhd.mcpserver.permissions import readable_profiles
from rhd.mcpserver.tools.output_schemas import BOOLEAN, CHANGE, STRING, closed, every, listed, text, whole
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec
from rhd.repos.change_log import REPOSITORY, ChangeEntry, Since
from rhd.repos.following import Follower
from rhd.workflow.reach import may_read
from rhd.workflow.redaction.redact import redact_path

MAX_WAIT_S = 25
PAGE_CHANGES = 200


async def list_workflow_changes(call: Call) -> dict[str, Any]:
    """Answer `list_workflow_changes`.

    A wait ends with the first change that the caller may see; others only move the cursor on.
    """
    log, since = call.service.changes, call.arguments.get("since")
    if since is None:
        return _answer(call, await log.since(None))
    follower = Follower()
    end = call.context.services.following.follow(follower, [(call.repo.id, None)])
    try:
        found = await _read_to_seen(call, Cursor(since))
        if wait_s := call.arguments.get("wait_s", 0):
            with call.context.waits.at_most(wait_s):
                while not found.reset and not _seen(call, found):
                    await follower.wait()
                    found = await _read_to_seen(call, found.cursor)
    finally:
        end()
    if log.is_closed:  # forgotten meanwhile; if it was adopted again, its log is another and knows no such cursor
        found = await call.context.services.get(call.repo.id).changes.since(found.cursor)
    return _answer(call, found)


async def _read_to_seen(call: Call, cursor: Cursor) -> Since:
    """Return the first page after `cursor` that holds something for the caller, or the last page."""
    log = call.service.changes
    found = await log.since(cursor, limit=PAGE_CHANGES)
    while found.changes and not found.reset and not _seen(call, found):
        found = await log.since(found.cursor, limit=PAGE_CHANGES)
    return found


def _seen(call: Call, found: Since) -> list[ChangeEntry]:
    # As it stands now: the grant may have been narrowed while this waited.
    reaches = [profile.reach for profile in readable_profiles(call.context, call.caller, call.repo.id)]
    return [
        change
        for change in found.changes
        if change.kind != REPOSITORY and any(may_read(reach, change.path) for reach in reaches)
    ]


def _answer(call: Call, found: Since) -> dict[str, Any]:
    changes = [change.to_json(call.repo.slug) | {"path": redact_path(change.path)} for change in _seen(call, found)]
    return {"changes": changes, "cursor": found.cursor, "reset": found.reset}


CHANGES = ToolSpec(
    name="list_workflow_changes",
    title="List workflow changes",
    description=(
        "Use this when you want to know which artifacts changed since you last looked. Without since it returns only "
        "the cursor to ask on from. With since it returns the changes after that, oldest first: ask on with the new "
        "cursor until there are none. If reset is true, the cursor is too old: list the files again."
    ),
    profiles=ALL,
    input=closed(
        [],
        since=text("cursor of the answer before, or of harness_status.", longest=64),
        wait_s=whole("How many seconds to wait for a change if there is none yet.", least=0, most=MAX_WAIT_S),
    ),
    output=every(changes=listed(CHANGE), cursor=STRING, reset=BOOLEAN),
    handler=list_workflow_changes,
)
