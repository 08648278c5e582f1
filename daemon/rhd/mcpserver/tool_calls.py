"""Carries out a tool call: fits its arguments, chooses repository and profile, runs the handler, writes the audit row.

`result_of` and `error_of` make what a client gets. A result's text is what node's `JSON.stringify` prints of the
structured content, since some clients show both where they differ. An error's text is plain words: clients that parse
JSON out of a text would take it for structured content and refuse it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from rhd.access import ARTIFACTS
from rhd.errors import HarnessError, Refusal
from rhd.logs import trace_of
from rhd.mcpserver.arguments import fit_arguments
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.permissions import acting_profiles, choose_repo, granted_profiles, granted_repos, readable_profiles
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.tools.repos import list_repos
from rhd.mcpserver.tools.retired import RETIRED
from rhd.mcpserver.tools.tool_spec import Call, Report, no_report
from rhd.mcpserver.tools.tool_table import TOOLS, input_schema, tools_hash
from rhd.repos.registry import Repo
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.reach import may_read
from rhd.workflow.redaction.redact import redact
from rhwire.escape import escape

log = logging.getLogger(__name__)

MAX_TARGET_CHARS = 200


ERROR_KEY = "dev.repo-harness/error"
"""Where an error result has `{code, message, next_step, details?}`, in its `_meta`."""


class UnknownTool(Refusal):
    """This endpoint has no tool of that name; answered with a protocol error."""

    code = "UNKNOWN_TOOL"


async def call_tool(
    context: ToolContext,
    caller: Caller,
    repo: Repo | None,
    name: str,
    arguments: Mapping[str, Any],
    report: Report = no_report,
) -> dict[str, Any]:
    """Carry out a call and return its structured result; the audit gets one row whatever happens.

    Args:
        repo: the endpoint's repository; None on the hub.
        report: sends a progress notification, if the client has asked for them.

    Raises:
        UnknownTool: there is no such tool on this endpoint.
        Refusal: the call is refused; TOOL_FAILED stands for an exception whose text is in the log only.
    """
    began = time.perf_counter()
    notes: dict[str, Any] = {"repo_id": repo.id if repo else None}
    outcome = "ok"
    try:
        return await _call(context, caller, repo, name, arguments, notes, report)
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
        known = name if name in TOOLS or name in RETIRED else "?"
        context.audit.add(caller.identity, known, outcome, client=caller.label, duration_ms=duration_ms, **notes)


async def _call(
    context: ToolContext,
    caller: Caller,
    repo: Repo | None,
    name: str,
    arguments: Mapping[str, Any],
    notes: dict[str, Any],
    report: Report,
) -> dict[str, Any]:
    is_hub = repo is None
    schema = input_schema(name, is_hub)
    if schema is None:
        if (successor := RETIRED.get(name)) is not None:
            raise Refusal(f"{name} is a tool of an earlier program", code="UNKNOWN_TOOL", next_step=successor)
        raise UnknownTool(f"there is no tool {escape(name[:64])!r} here")
    arguments = fit_arguments(schema, arguments)
    spec = TOOLS[name]
    principal = caller.principal()
    if spec.handler is None:
        return list_repos(granted_repos(context, principal), principal)
    shown = granted_profiles(principal, repo.id if repo else None)
    if repo is None:
        repo = choose_repo(context, principal, arguments.pop("repo", None))
        notes["repo_id"] = repo.id
    for argument in spec.paths:
        arguments[argument] = _plain_path(arguments[argument])
    target = arguments[spec.target] if spec.target else None
    if target is not None and may_read(ARTIFACTS, target):  # anything else is the caller's words, not an artifact
        notes["target"] = escape(target[:MAX_TARGET_CHARS])
    acting = acting_profiles(context, caller, repo, spec.profiles)
    profile = next((p for p in acting if target is None or may_read(p.reach, target)), acting[0])
    notes["profile"] = profile.name
    service = await context.services.ready(repo.id)
    for argument in spec.paths:
        arguments[argument] = await _spelled(context, caller, service.artifacts, arguments[argument])
    call = Call(
        caller=caller,
        principal=principal,
        profile=profile,
        readable=readable_profiles(context, caller, repo.id),
        repo=repo,
        service=service,
        context=context,
        arguments=arguments,
        tools_hash=tools_hash(shown, is_hub),
        report=report,
    )
    if spec.is_writing:
        context.quotas.take_document(caller, len(json.dumps(arguments)))
    with context.quotas.waiting(caller) if arguments.get("wait_s") else nullcontext():
        return await spec.handler(call)


async def _spelled(context: ToolContext, caller: Caller, artifacts: Artifacts, path: str) -> str:
    """Return a path as the catalog spells it, which is mostly as it was given."""
    if path in artifacts:
        return path
    return await look_through(context, caller, len(artifacts), lambda: artifacts.spelled(path))


def _plain_path(path: str) -> str:
    """Return a path as lists give it: models add `./` to the paths of files."""
    while path.startswith("./"):
        path = path[2:]
    return path


def result_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result that says `said`, as structured content and as text."""
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return {"content": [{"type": "text", "text": text}], "structuredContent": said, "isError": False}


def error_of(error: HarnessError) -> dict[str, Any]:
    """Return the result of a call that was refused. It has no structured content: clients would validate that."""
    message = redact(error.message).text  # it may name a file whose name holds a secret
    text = f"{error.code}: {message}\nNext: {error.next_step}"
    told = error.to_json() | {"message": message}
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {ERROR_KEY: told}}
