"""`prepare_codex_goal_from_sprint`."""

from __future__ import annotations

import time
from typing import Any

from rhd.access import GOAL as GOAL_PATH
from rhd.mcpserver.tools.document_writes import write_document
from rhd.mcpserver.tools.output_schemas import BOOLEAN, PATH, REVISION, STRING, closed, every, text
from rhd.mcpserver.tools.sprint import find_sources, read_prd_scenarios
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.rel_path import RelPath
from rhd.workflow.documents.goal import Goal, render_goal, render_prompt
from rhd.workflow.documents.placeholders import refuse_placeholders
from rhwire.times import format_time

NAME = "prepare_codex_goal_from_sprint"


async def prepare_codex_goal_from_sprint(call: Call) -> dict[str, Any]:
    """Answer `prepare_codex_goal_from_sprint`."""
    arguments, now = call.arguments, time.time()
    prd, sprint = find_sources(call, "SOURCE_NOT_READABLE", prd=arguments["prd_path"], sprint=arguments["sprint_path"])
    texts = [(name, arguments[name]) for name in ("reference_repo", "extra_instructions") if name in arguments]
    refuse_placeholders(texts)
    goal = Goal(
        prd.path,
        sprint.path,
        await read_prd_scenarios(call, prd),
        arguments.get("reference_repo"),
        arguments.get("extra_instructions"),
    )
    text, said = render_goal(goal, format_time(now)), {"prompt": render_prompt(goal)}
    return await write_document(call, NAME, lambda _: RelPath(GOAL_PATH), text, said)


GOAL = ToolSpec(
    name=NAME,
    title="Prepare the Codex goal",
    description=(
        "Use this when a sprint is ready to be carried out: it writes the goal that the local agent works from. Show "
        "the user the prompt that it returns, in a code block: they paste it into Codex or Claude Code, or print it "
        "there with rhctl goal."
    ),
    profiles=("planner", "executor"),
    input=closed(
        ["prd_path", "sprint_path"],
        prd_path=PATH,
        sprint_path=PATH,
        reference_repo=text("A repository to compare with, which the agent must not change.", longest=500),
        extra_instructions=text("What the agent should also know. It cannot widen the goal.", longest=8000),
        expected_revision=REVISION,
    ),
    output=every(path=STRING, revision=STRING, created=BOOLEAN, prompt=STRING),
    handler=prepare_codex_goal_from_sprint,
    is_writing=True,
    paths=("prd_path", "sprint_path"),
    target="sprint_path",
)
