"""`write_checklist_sprint`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import trio

from rhd.errors import Refusal
from rhd.mcpserver.tools.document_writes import dated_path, write_document
from rhd.mcpserver.tools.output_schemas import (
    BOOLEAN,
    INTEGER,
    PATH,
    REVISION,
    SLUG,
    STRING,
    closed,
    every,
    listed,
    text,
    texts,
)
from rhd.mcpserver.tools.tool_spec import Call, ToolSpec
from rhd.workflow.artifacts import Artifact
from rhd.workflow.documents.placeholders import read_checks, refuse_placeholders
from rhd.workflow.documents.scenarios import Scenario, read_scenarios
from rhd.workflow.documents.sprint import ENDING, FOLDER, Card, Sprint, render_sprint
from rhd.workflow.reach import may_read
from rhd.workflow.reading import MAX_BYTES, decode_text
from rhd.workflow.root import Root
from rhwire.escape import escape
from rhwire.times import format_time

NAME = "write_checklist_sprint"


def find_sources(call: Call, code: str, **paths: str) -> list[Artifact]:
    """Return the readable artifacts that a document is made from.

    Args:
        paths: where each is to be, by its kind.

    Raises:
        Refusal: `code`, not all of them are there; the details say which are missing.
    """
    artifacts = call.service.artifacts
    there = [artifacts.get(path) for path in paths.values()]
    there = [artifact if artifact and may_read(call.profile.reach, artifact.path) else None for artifact in there]
    missing, said = [], []
    for (kind, path), artifact in zip(paths.items(), there, strict=True):
        if artifact is None or artifact.kind != kind:
            missing.append({"kind": kind, "path": path})
            said.append(f"{escape(path)} is {f'a {artifact.kind} and no' if artifact else 'no readable'} {kind}")
    if missing:
        raise Refusal("; ".join(said), code=code, details={"missing": missing})
    return [artifact for artifact in there if artifact is not None]


async def read_prd_scenarios(call: Call, prd: Artifact) -> list[Scenario]:
    """Return the acceptance scenarios of a PRD; none if it cannot be read."""

    def read(root: Root) -> list[Scenario]:
        try:
            return read_scenarios(decode_text(prd.path, root.read(prd.path, call.profile.reach, MAX_BYTES)[0]))
        except Refusal:
            return []

    return await call.service.read(read)


async def write_checklist_sprint(call: Call) -> dict[str, Any]:
    """Answer `write_checklist_sprint`."""
    arguments, now = call.arguments, time.time()
    (prd,) = find_sources(call, "PRD_NOT_READABLE", prd=arguments["prd_path"])
    cards = [_read_card(number, task) for number, task in enumerate(arguments["tasks"])]
    refuse_placeholders([("title", arguments["title"])])
    sprint = Sprint(arguments["title"], prd.path, prd.title, cards, await read_prd_scenarios(call, prd))

    path = dated_path(call, FOLDER, ENDING, now)
    text = await trio.to_thread.run_sync(render_sprint, sprint, format_time(now))
    return await write_document(call, NAME, path, text, {"cards": len(cards)})


def _read_card(number: int, task: Mapping[str, Any]) -> Card:
    name = f"tasks[{number}]"
    texts = [(f"{name}.{key}", task[key]) for key in ("title", "objective", "stage_gate") if key in task]
    for key in ("files", "observations"):
        texts += [(f"{name}.{key}[{place}]", text) for place, text in enumerate(task.get(key, ()))]
    refuse_placeholders(texts)
    return Card(
        title=task["title"],
        objective=task["objective"],
        files=task.get("files", ()),
        checks=read_checks(f"{name}.checks", task.get("checks", ())),
        observations=task.get("observations", ()),
        stage_gate=task.get("stage_gate"),
    )


_TASK = closed(
    ["title", "objective"],
    title=text("What the card is called.", longest=200),
    objective=text("What is true when the card is done. Markdown.", longest=8000),
    files=texts("Files or entry points that it starts from.", longest=500),
    checks=texts(
        "Commands of one line that exit 0 when the card is done; `! command` where it must fail. No sentences.",
        longest=500,
    ),
    observations=texts("What else shows that the card is done, in words; each is one thing to look at.", longest=500),
    stage_gate=text("What must hold before the next card begins.", longest=2000),
)

SPRINT = ToolSpec(
    name=NAME,
    title="Write a checklist sprint",
    description=(
        "Use this when a PRD is to be carried out: it writes a sprint of task cards, in the order of work, into "
        "plans/sprints. Each card is one slice that can be finished and verified by itself: give it at least one "
        "check (a command) or observation (words). The PRD's acceptance scenarios become the sprint's final "
        "acceptance. Then call prepare_codex_goal_from_sprint."
    ),
    profiles=("planner",),
    input=closed(
        ["title", "prd_path", "tasks"],
        title=text("The sprint's title.", longest=200),
        prd_path=PATH,
        tasks=listed(_TASK)
        | {
            "minItems": 1,
            "maxItems": 100,
            "description": (
                "The cards, in the order of work. Each has a title and an objective, and may have files (a list), "
                "checks (a list of commands), observations (a list of words) and a stage_gate."
            ),
        },
        slug=SLUG,
        expected_revision=REVISION,
    ),
    output=every(path=STRING, revision=STRING, created=BOOLEAN, cards=INTEGER),
    handler=write_checklist_sprint,
    is_writing=True,
    paths=("prd_path",),
    target="prd_path",
)
