"""`write_prd_from_idea`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import trio

from rhd.mcpserver.tools.document_writes import dated_path, write_document
from rhd.mcpserver.tools.output_schemas import BOOLEAN, REVISION, SLUG, STRING, closed, every, text, texts
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.workflow.documents.placeholders import refuse_placeholders
from rhd.workflow.documents.prd import ENDING, FOLDER, Prd, render_prd
from rhwire.times import format_time

NAME = "write_prd_from_idea"


async def write_prd_from_idea(call: Call) -> dict[str, Any]:
    """Answer `write_prd_from_idea`."""
    arguments, now = call.arguments, time.time()
    refuse_placeholders(_texts(arguments))
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
    text = await trio.to_thread.run_sync(render_prd, prd, format_time(now))
    return await write_document(call, NAME, path, text, {})


def _texts(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each text of the arguments with the name to refuse it by."""
    for name in ("title", "idea", "problem", "notes"):
        if name in arguments:
            yield name, arguments[name]
    for name in ("users", "goals", "non_goals", "success_criteria"):
        for number, one in enumerate(arguments.get(name, ())):
            yield f"{name}[{number}]", one


PRD = ToolSpec(
    name=NAME,
    title="Write a PRD from an idea",
    description=(
        "Use this when the user has an idea and wants it written down as a product requirements document (PRD) in "
        "plans/prds. Only title and idea are needed; say more only if the user did, in the user's language and "
        "Markdown: code, tables and lists stay as they are. Then call write_checklist_sprint with the path that this "
        "returns."
    ),
    profiles=("planner",),
    input=closed(
        ["title", "idea"],
        title=text("The document's title.", longest=200),
        idea=text(
            "The idea, in the user's terms. Markdown: code, tables and lists are kept; headings are shown as text.",
            longest=60000,
        ),
        slug=SLUG,
        problem=text("Which problem it solves, and whose.", longest=20000),
        users=texts("Who it is for."),
        goals=texts("What it must do."),
        non_goals=texts("What it must not do or become."),
        success_criteria=texts(
            "What can be observed once it works, one scenario each. They are numbered A1, A2, … and decide whether a "
            "sprint is done."
        ),
        notes=text("What the one who carries it out should know.", longest=20000),
        expected_revision=REVISION,
    ),
    output=every(path=STRING, revision=STRING, created=BOOLEAN),
    handler=write_prd_from_idea,
    is_writing=True,
)
