"""`harness_doctor`: the findings that are meant for a model."""

from __future__ import annotations

from typing import Any

from rhd.mcpserver.tools.output_schemas import STRING, closed, every, listed, maybe
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec


async def harness_doctor(call: Call) -> dict[str, Any]:
    """Answer `harness_doctor`."""
    findings = [finding for finding in call.context.examine(call.repo.id) if finding.is_for_model]
    return {
        "status": "ok" if all(finding.status == "ok" for finding in findings) else "attention",
        "findings": [finding.to_model() for finding in findings],
    }


DOCTOR = ToolSpec(
    name="harness_doctor",
    title="Examine the harness",
    description=(
        "Use this when a tool fails or something is missing: it examines how the repository is served and its "
        "workflow, and says what is wrong and what to do."
    ),
    profiles=ALL,
    input=closed([]),
    output=every(
        status=STRING,
        findings=listed(
            every(check=STRING, status=STRING, message=STRING, cause=maybe(STRING), next_step=maybe(STRING))
        ),
    ),
    handler=harness_doctor,
)
