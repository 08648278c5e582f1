"""`write_prd_from_idea`."""

from __future__ import annotations

import time
from typing import Any

from rhd.mcpserver.tools.document_writes import dated_path, write_document
from rhd.mcpserver.tools.output_schemas import BOOLEAN, REVISION, SLUG, STRING, closed, every, text, texts
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.workflow.documents.prd import ENDING, FOLDER, Prd, render_prd
from rhwire.times import format_time

NAME = "write_prd_from_idea"


async def write_prd_from_idea(call: Call) -> dict[str, Any]:
    """Answer `write_prd_from_idea`."""
    arguments, now = call.arguments, time.time()
    prd = Prd(
        title=arguments["title"],
        idea=arguments["idea"],
        problem=arguments.get("problem"),
        users=arguments.get("users", ()),
        goals=arguments.get("goals", ()),
        non_goals=arguments.get("non_goals", ()),
        success_criteria=arguments.get("success_criteria", ()),
        notes=arguments.get("notes"),
    )

    path = dated_path(call, FOLDER, ENDING, now)
    return await write_document(call, NAME, path, render_prd(prd, format_time(now)), {})


PRD = ToolSpec(
    name=NAME,
    title="Write a PRD from an idea",
    description=(
        "Use this when the user has an idea and wants it written down as a product requirements document in "
        "plans/prds. Only title and idea are needed; say more only if the user did. Next comes write_checklist_sprint "
        "with the path that this returns."
    ),
    profiles=("planner",),
    input=closed(
        ["title", "idea"],
        title=text("The document's title.", longest=200),
        idea=text("The idea, in the user's terms. Markdown; headings in it are shown, not made.", longest=60000),
        slug=SLUG,
        problem=text("Which problem of whom it solves.", longest=20000),
        users=texts("Who it is for."),
        goals=texts("What it must do."),
        non_goals=texts("What it must not do or become."),
        success_criteria=texts("How one sees that it works; each can be checked."),
        notes=text("What whoever carries it out should know.", longest=20000),
        expected_revision=REVISION,
    ),
    output=every(path=STRING, revision=STRING, created=BOOLEAN),
    handler=write_prd_from_idea,
    is_writing=True,
)
