"""`append_handoff_note`."""

from __future__ import annotations

import time
from typing import Any

from rhd.access import EXECUTOR_NOTE, PLANNER_NOTE
from rhd.errors import Refusal
from rhd.mcpserver.tools.output_schemas import STRING, closed, every, text
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import append
from rhd.workflow.documents.note import render_note
from rhd.workflow.root import Root
from rhwire.times import format_time

NAME = "append_handoff_note"
MAX_NOTE_BYTES = 256 * 1024


async def append_handoff_note(call: Call) -> dict[str, Any]:
    """Answer `append_handoff_note`."""
    path = RelPath(PLANNER_NOTE if call.profile.name == "planner" else EXECUTOR_NOTE)
    actor = call.arguments.get("actor") or call.profile.name
    at = format_time(time.time())

    def add(root: Root) -> None:
        entry = render_note(call.arguments["body"], actor, at)
        try:
            append(root, path, call.profile.reach, entry, call.context.key, max_bytes=MAX_NOTE_BYTES)
        except Refusal as refusal:
            if refusal.code == "FILE_TOO_LARGE":
                refusal.next_step = "Ask the owner to move what is old in it elsewhere, or write a shorter note."
            elif refusal.code in ("BINARY_FILE", "NOT_UTF8"):
                refusal.next_step = "Nothing was added. Ask the owner to save that file as UTF-8, or to move it away."
            raise

    await call.service.write(add, written=path, by=call.caller.label)
    return {"path": path}


NOTE = ToolSpec(
    name=NAME,
    title="Append a handoff note",
    description=(
        "Use this when the next agent or person should know something that no plan says: it adds a note to the "
        "handoff file of your role. The note gets the time. Calling this again adds it again."
    ),
    profiles=("planner", "executor"),
    input=closed(
        ["body"],
        body=text("The note. Markdown: code, tables and lists are kept; headings are shown as text.", longest=20000),
        actor=text("Who writes it (default: your role).", longest=80),
    ),
    output=every(path=STRING),
    handler=append_handoff_note,
    is_writing=True,
    is_idempotent=False,
)
