"""`run_agent_goal`, `get_agent_run`, `cancel_agent_run`: the prepared goal, carried out by a local agent as a job."""

from __future__ import annotations

from typing import Any

import trio

from rhd.mcpserver.tools.output_schemas import (
    BOOLEAN,
    INTEGER,
    STRING,
    closed,
    every,
    listed,
    maybe,
    one_of,
    text,
    whole,
)
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.runner.agents import AGENTS
from rhd.runner.run import AgentRun, describe_run
from rhd.runner.run_service import RunService
from rhd.workflow.redaction.redact import redact_path

MAX_WAIT_S = 25
LOOK_EVERY_S = 1.0

RUN = {
    "run_id": STRING,
    "agent": STRING,
    "agent_version": maybe(STRING),
    "state": STRING,
    "reason": maybe(STRING),
    "explanation": maybe(STRING),
    "exit_code": maybe(INTEGER),
    "ahead": maybe(INTEGER),
    "queued_at": STRING,
    "started_at": maybe(STRING),
    "ended_at": maybe(STRING),
    "elapsed_ms": INTEGER,
    "goal_revision": STRING,
    "sprint": STRING,
    "cards": maybe(every(done=INTEGER, total=INTEGER)),
    "cards_done_before": maybe(INTEGER),
    "counts": every(
        commands=INTEGER, commands_failed=INTEGER, denied=INTEGER, tools=INTEGER, messages=INTEGER, files=INTEGER
    ),
    "artifacts": listed(STRING),
    "tokens": maybe(every(input=INTEGER, output=INTEGER)),
    "last_message": maybe(STRING),
    "uncommitted_before": maybe(INTEGER),
}
"""The properties of a run, as every answer that holds one shows it."""


async def run_json(runs: RunService, run: AgentRun) -> dict[str, Any]:
    """Return a run as clients see it."""
    await runs.look(run)
    artifacts = [redact_path(path) for path in run.artifacts]
    return {**describe_run(run), "artifacts": artifacts, "ahead": runs.ahead(run)}


async def run_agent_goal(call: Call) -> dict[str, Any]:
    """Answer `run_agent_goal`."""
    run, is_new = await call.context.agent_runs.start(
        call.repo,
        call.arguments["agent"],
        call.arguments["expected_revision"],
        principal=call.caller.identity,
        client=call.caller.label,
    )
    return {**await run_json(call.context.agent_runs, run), "is_new": is_new}


async def get_agent_run(call: Call) -> dict[str, Any]:
    """Answer `get_agent_run`: at once, or when the state or the cards change, or when the wait is over."""
    runs = call.context.agent_runs
    run = await runs.get(call.arguments["run_id"], call.repo.id)
    await _tell_progress(call, run)
    if (wait_s := call.arguments.get("wait_s", 0)) and not run.has_ended:
        before = (run.state, runs.cards(run))
        with call.context.waits.at_most(wait_s):
            while (run.state, runs.cards(run)) == before:
                with trio.move_on_after(LOOK_EVERY_S):  # the cards change by the watcher's word, not the agent's
                    await run.news.wait()
                await _tell_progress(call, run)
    return await run_json(runs, run)


async def _tell_progress(call: Call, run: AgentRun) -> None:
    """Send a progress notification, if the client has asked for them."""
    progress, cards = run.progress, call.context.agent_runs.cards(run)
    done = f"{cards[0]} of {cards[1]} cards done, " if cards is not None else ""
    counted = progress.commands + progress.tools + progress.messages
    await call.report(counted, None, f"{run.state}: {done}{progress.commands} commands, {len(progress.files)} files")


async def cancel_agent_run(call: Call) -> dict[str, Any]:
    """Answer `cancel_agent_run`, once nothing of the run is left."""
    runs = call.context.agent_runs
    run = await runs.get(call.arguments["run_id"], call.repo.id)
    await runs.cancel(run, "cancelled_by_client")
    return await run_json(runs, run)


_RUN_ID = text("run_id of run_agent_goal, or of runs in harness_status.", longest=64)

RUN_GOAL = ToolSpec(
    name="run_agent_goal",
    title="Run the prepared goal",
    description=(
        "Use this when the user wants the prepared goal (.ai/harness/handoff/codex-goal.md) carried out by an agent on "
        "their computer, and has seen it. It runs that one file and nothing else: read it with read_workflow_file and "
        "pass its revision. The run goes on by itself: follow it with get_agent_run. The agent edits files and runs "
        "commands in the repository."
    ),
    profiles=("orchestrator",),
    input=closed(
        ["agent", "expected_revision"],
        agent=one_of("Which agent carries the goal out.", *AGENTS),
        expected_revision=text("The revision of the goal, from read_workflow_file.", longest=64),
    ),
    output=every(**RUN, is_new=BOOLEAN),
    handler=run_agent_goal,
    is_writing=True,
    is_destructive=True,
    is_idempotent=False,
    is_open_world=True,
)

GET_RUN = ToolSpec(
    name="get_agent_run",
    title="Follow an agent run",
    description=(
        "Use this when you want to know how an agent run stands: its state, why it ended, how many cards are done, and "
        "what it changed and said last. The state is queued, running, done, failed, cancelled, timed_out, "
        "stalled or interrupted. With wait_s it answers when the state or the cards change."
    ),
    profiles=("orchestrator",),
    input=closed(
        ["run_id"],
        run_id=_RUN_ID,
        wait_s=whole("How many seconds to wait for a change.", least=0, most=MAX_WAIT_S),
    ),
    output=every(**RUN),
    handler=get_agent_run,
)

CANCEL_RUN = ToolSpec(
    name="cancel_agent_run",
    title="Cancel an agent run",
    description=(
        "Use this when a run should not go on: it ends the agent and everything that it started. What it has changed "
        "in the work tree stays. A run that has ended already is returned as it is."
    ),
    profiles=("orchestrator",),
    input=closed(["run_id"], run_id=_RUN_ID),
    output=every(**RUN),
    handler=cancel_agent_run,
    is_writing=True,
)
