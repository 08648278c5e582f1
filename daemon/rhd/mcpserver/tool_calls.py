"""A tool call, from its arguments to its result: repository, schema, profile, handler, audit.

What a model is told of an error is `{"error": {code, message, next_step, details?}}`, never an exception's text.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from rhd.access import ARTIFACTS
from rhd.errors import HarnessError, Refusal
from rhd.logs import trace_of
from rhd.mcpserver.arguments import check_arguments
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.permissions import acting_profiles, choose_repo, granted_profiles, granted_repos, readable_profiles
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.tools.repos import list_repos
from rhd.mcpserver.tools.tool_spec import Call
from rhd.mcpserver.tools.tool_table import TOOLS, input_schema, tools_hash
from rhd.repos.registry import Repo
from rhd.workflow.reach import may_read
from rhwire.escape import escape

log = logging.getLogger(__name__)

MAX_TARGET_CHARS = 200


class UnknownTool(Refusal):
    """No tool of that name is here; told as a protocol error."""

    code = "UNKNOWN_TOOL"


async def call_tool(
    context: ToolContext, caller: Caller, repo: Repo | None, name: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry a call out and return its structured result; one row goes to the audit whatever happens.

    Args:
        repo: the endpoint's repository; None on the hub.

    Raises:
        UnknownTool: there is no such tool on this endpoint.
        Refusal: everything else that the caller is told; TOOL_FAILED stands for what is only in the log.
    """
    began = time.perf_counter()
    notes: dict[str, Any] = {"repo_id": repo.id if repo else None}
    outcome = "ok"
    try:
        return await _call(context, caller, repo, name, arguments, notes)
    except HarnessError as error:
        outcome = error.code
        raise
    except Exception as error:
        outcome = "TOOL_FAILED"
        log.error("tool-failed tool=%s %s", name, trace_of(error))
        raise Refusal("the tool failed", code="TOOL_FAILED") from None
    except BaseException:
        outcome = "CANCELLED"
        raise
    finally:
        duration_ms = (time.perf_counter() - began) * 1000
        known = name if name in TOOLS else "?"
        context.audit.add(caller.identity, known, outcome, duration_ms=duration_ms, **notes)


async def _call(
    context: ToolContext,
    caller: Caller,
    repo: Repo | None,
    name: str,
    arguments: Mapping[str, Any],
    notes: dict[str, Any],
) -> dict[str, Any]:
    is_hub = repo is None
    schema = input_schema(name, is_hub)
    if schema is None:
        raise UnknownTool(f"there is no tool {escape(name[:64])!r} here")
    check_arguments(schema, arguments)
    spec = TOOLS[name]
    principal = caller.principal()
    if spec.handler is None:
        return list_repos(granted_repos(context, principal), principal)
    shown = granted_profiles(principal, repo.id if repo else None)
    if repo is None:
        repo = choose_repo(context, principal, arguments.get("repo"))
        arguments = {key: value for key, value in arguments.items() if key != "repo"}
        notes["repo_id"] = repo.id
    target = arguments[spec.target] if spec.target else None
    if target is not None and may_read(ARTIFACTS, target):  # anything else is the caller's words, not an artifact
        notes["target"] = escape(target[:MAX_TARGET_CHARS])
    acting = acting_profiles(context, caller, repo, spec.profiles)
    profile = next((p for p in acting if target is None or may_read(p.reach, target)), acting[0])
    notes["profile"] = profile.name
    return await spec.handler(
        Call(
            caller=caller,
            principal=principal,
            profile=profile,
            readable=readable_profiles(context, caller, repo.id),
            repo=repo,
            service=await context.services.ready(repo.id),
            context=context,
            arguments=arguments,
            tools_hash=tools_hash(shown, is_hub),
        )
    )


def error_text(error: HarnessError) -> str:
    """Return the only text block of an error result."""
    return json.dumps({"error": error.to_json()}, ensure_ascii=False)
