"""`latest_handoff` and `latest_checks`."""

from __future__ import annotations

from functools import partial
from typing import Any

from rhd.errors import Refusal
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.text_reads import read_text
from rhd.mcpserver.tools.files import artifact_json, redactions_json
from rhd.mcpserver.tools.output_schemas import (
    ARTIFACT,
    BOOLEAN,
    REDACTIONS,
    STRING,
    closed,
    every,
    listed,
    maybe,
    whole,
)
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec
from rhd.workflow.artifacts import Artifact
from rhd.workflow.reading import PAGE_CHARS, tail_of

PREVIEW_CHARS = 6000
"""Of one text; of all texts of an answer together, as many as a page of `read_workflow_file` has."""

DEFAULT, MOST = 5, 20

_ENTRY = every(
    **ARTIFACT["properties"], content=maybe(STRING), truncated=BOOLEAN, redactions=REDACTIONS, problem=maybe(STRING)
)


async def _latest(call: Call, kind: str) -> list[dict[str, Any]]:
    """Return the newest artifacts of a kind with the end of their text; one that cannot be read says why."""

    def newest() -> list[Artifact]:
        return sorted((a for a in call.artifacts if a.kind == kind), key=lambda a: (-a.recency_ns, a.path))

    found = await look_through(call.context, call.caller, len(call.service.artifacts), newest)
    entries, left = [], PAGE_CHARS
    for artifact in found[: call.arguments.get("limit", DEFAULT)]:
        entry = await _entry(call, artifact, min(left, PREVIEW_CHARS))
        left -= len(entry["content"] or "")
        entries.append(entry)
    return entries


async def _entry(call: Call, artifact: Artifact, chars: int) -> dict[str, Any]:
    entry = artifact_json(artifact) | {"content": None, "truncated": True, "redactions": [], "problem": None}
    if not chars:
        return entry
    reach, key = call.profile.reach, call.context.key
    try:
        tail = await read_text(call.service, artifact.path, reach, partial(tail_of, key=key, chars=chars))
    except Refusal as refusal:
        return entry | {"truncated": False, "problem": refusal.code}
    return entry | {
        "content": tail.content,
        "truncated": tail.truncated,
        "redactions": redactions_json(tail.redactions),
        "problem": "INVALID_JSON" if tail.is_broken else None,
    }


async def latest_handoff(call: Call) -> dict[str, Any]:
    """Answer `latest_handoff`."""
    return {"handoffs": await _latest(call, "handoff")}


async def latest_checks(call: Call) -> dict[str, Any]:
    """Answer `latest_checks`."""
    return {"checks": await _latest(call, "check")}


_INPUT = closed([], limit=whole(f"How many at most (default: {DEFAULT}).", least=1, most=MOST))

HANDOFF = ToolSpec(
    name="latest_handoff",
    title="Latest handoffs",
    description=(
        "Use this when you need to know what the last agent did or left open: the newest handoff files, newest first, "
        "with the end of their text. If truncated is true, the beginning is missing: read_workflow_file has all of "
        "it."
    ),
    profiles=ALL,
    input=_INPUT,
    output=every(handoffs=listed(_ENTRY)),
    handler=latest_handoff,
)

CHECKS = ToolSpec(
    name="latest_checks",
    title="Latest checks",
    description=(
        "Use this when you need to know whether checks passed: the newest check results, newest first, each with its "
        "status and the end of its text. The status is the check's own word, such as pass or fail, or null if it "
        "gives none. If truncated is true, the beginning is missing: read_workflow_file has all of it. problem says "
        "why a result cannot be read."
    ),
    profiles=ALL,
    input=_INPUT,
    output=every(checks=listed(_ENTRY)),
    handler=latest_checks,
)
