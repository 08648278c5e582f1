"""`latest_handoff` and `latest_checks`."""

from __future__ import annotations

from typing import Any

from rhd.endpoint.tools.files import artifact_json, readable, reader
from rhd.endpoint.tools.shapes import ARTIFACT, BOOLEAN, REDACTIONS, STRING, closed, every, listed, maybe, whole
from rhd.endpoint.tools.spec import ALL, Call, ToolSpec
from rhd.errors import Refusal
from rhd.workflow.artifacts import Artifact
from rhd.workflow.reading import read_page

PREVIEW_CHARS = 6000
DEFAULT, MOST = 5, 20

_ENTRY = every(
    **ARTIFACT["properties"], content=maybe(STRING), truncated=BOOLEAN, redactions=REDACTIONS, problem=maybe(STRING)
)


async def latest(call: Call, kind: str) -> list[dict[str, Any]]:
    """Return the newest artifacts of a kind with their text, as far as it fits; one that cannot be read says so."""
    found = sorted((a for a in readable(call) if a.kind == kind), key=lambda a: (-a.modified_ns, a.path))
    return [await _entry(call, artifact) for artifact in found[: call.arguments.get("limit", DEFAULT)]]


async def _entry(call: Call, artifact: Artifact) -> dict[str, Any]:
    entry = artifact_json(artifact) | {"content": None, "truncated": False, "redactions": [], "problem": None}
    reach, key = reader(call, artifact.path), call.backend.key
    try:
        page = await call.service.read(
            lambda root: read_page(root, artifact.path, reach, key, page_chars=PREVIEW_CHARS)
        )
    except Refusal as refusal:
        return entry | {"problem": refusal.code}
    redactions = [{"type": kind, "count": count} for kind, count in page.redactions.items()]
    return entry | {"content": page.content, "truncated": page.truncated, "redactions": redactions}


async def latest_handoff(call: Call) -> dict[str, Any]:
    """Answer `latest_handoff`."""
    return {"handoffs": await latest(call, "handoff")}


async def latest_checks(call: Call) -> dict[str, Any]:
    """Answer `latest_checks`."""
    return {"checks": await latest(call, "check")}


_INPUT = closed([], limit=whole(f"How many at most; {DEFAULT} unless told.", least=1, most=MOST))

HANDOFF = ToolSpec(
    name="latest_handoff",
    title="Latest handoffs",
    description=(
        "Use this when you need to know where the work stands: the newest handoff files with their text, newest first."
    ),
    profiles=ALL,
    input=_INPUT,
    output=every(handoffs=listed(_ENTRY)),
    handler=latest_handoff,
)

CHECKS = ToolSpec(
    name="latest_checks",
    title="Latest checks",
    description="Use this when you need to know whether checks passed: the newest check results, newest first.",
    profiles=ALL,
    input=_INPUT,
    output=every(checks=listed(_ENTRY)),
    handler=latest_checks,
)
