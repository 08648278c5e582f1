"""A tool call, from its arguments to its result: repository, schema, profile, handler, audit.

What a model is told of an error is `{"error": {code, message, next_step, details?}}`, never an exception's text.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema

from rhd.access import PROFILES, Principal
from rhd.endpoint.backend import Backend
from rhd.endpoint.callers import Caller, acting_profile
from rhd.endpoint.tools import repos as list_repos
from rhd.endpoint.tools.spec import Call, ToolSpec
from rhd.endpoint.tools.table import TOOLS, input_schema, tools_hash
from rhd.errors import HarnessError, Refusal
from rhd.ids import RepoId
from rhd.repos.registry import Repo
from rhwire.escape import escape

log = logging.getLogger(__name__)

MAX_TARGET_CHARS = 200


class UnknownTool(Refusal):
    """No tool of that name is here; told as a protocol error."""

    code = "UNKNOWN_TOOL"


def granted_profiles(principal: Principal, repo_id: RepoId | None) -> frozenset[str]:
    """Return the profiles that decide which tools a caller is shown: of one repository, or of any on the hub."""
    if repo_id is not None:
        return principal.profiles.get(repo_id, frozenset())
    return frozenset().union(*principal.profiles.values())


def granted_repos(backend: Backend, principal: Principal) -> list[Repo]:
    """Return the adopted repositories that a caller was granted, in the order of their slugs."""
    return sorted((r for r in backend.registry if principal.profiles.get(r.id)), key=lambda r: r.slug)


def choose_repo(backend: Backend, principal: Principal, wanted: str | None) -> Repo:
    """Return the granted repository that a caller means on the hub.

    Args:
        wanted: slug, id or name, with or without a slash behind it; None means the only one.

    Raises:
        Refusal: REPO_NOT_FOUND, it is not granted (as if it were unknown), or several are and none was named.
    """
    granted = granted_repos(backend, principal)
    names = [r.slug for r in granted]
    if wanted is None:
        if len(granted) == 1:
            return granted[0]
        raise Refusal(
            "several repositories are granted; say which in repo" if granted else "no repository is granted",
            code="REPO_NOT_FOUND",
            details={"repos": names},
        )
    plain = wanted.strip().strip("/")
    exact = [r for r in granted if plain in (r.slug, r.id)]
    found = exact or [r for r in granted if plain.casefold() in (r.slug.casefold(), r.name.casefold())]
    if len(found) != 1:
        raise Refusal("no repository of that name is granted", code="REPO_NOT_FOUND", details={"repos": names})
    return found[0]


async def call_tool(
    backend: Backend, caller: Caller, repo: Repo | None, name: str, arguments: Mapping[str, Any]
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
        return await _call(backend, caller, repo, name, arguments, notes)
    except HarnessError as error:
        outcome = error.code
        raise
    except Exception as error:
        outcome = "TOOL_FAILED"
        log.error("tool-failed tool=%s %s", name, _without_content(error))
        raise Refusal("the tool failed", code="TOOL_FAILED") from None
    except BaseException:
        outcome = "CANCELLED"
        raise
    finally:
        duration_ms = (time.perf_counter() - began) * 1000
        known = name if name in TOOLS or name == list_repos.NAME else "?"
        backend.audit.add(caller.id, known, outcome, duration_ms=duration_ms, **notes)


async def _call(
    backend: Backend,
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
    check_arguments(name, is_hub, arguments)
    principal = caller.principal()
    if name == list_repos.NAME:
        granted = granted_repos(backend, principal)
        return {
            "repos": [
                {
                    "slug": r.slug,
                    "name": r.name,
                    "profiles": [p for p in PROFILES if p in principal.profiles[r.id]],
                    "default": len(granted) == 1,
                }
                for r in granted
            ]
        }
    spec = TOOLS[name]
    shown = granted_profiles(principal, repo.id if repo else None)
    if repo is None:
        wanted = arguments.get("repo")
        arguments = {k: v for k, v in arguments.items() if k != "repo"}
        repo = choose_repo(backend, principal, wanted)
        notes["repo_id"] = repo.id
    granted_here = principal.profiles.get(repo.id, frozenset())
    running = None if caller.is_owner else backend.registry.profiles(repo.id)
    profile = acting_profile(spec.profiles, granted_here, running)
    notes["profile"], notes["target"] = profile, _target(spec, arguments)
    service = await backend.services.ready(repo.id)
    readable = tuple(p for p in PROFILES.values() if p.name in granted_here and (running is None or p.name in running))
    return await spec.handler(
        Call(
            caller=caller,
            principal=principal,
            profile=PROFILES[profile],
            readable=readable,
            repo=repo,
            service=service,
            backend=backend,
            arguments=arguments,
            tools_hash=tools_hash(shown, is_hub),
        )
    )


@lru_cache(maxsize=64)
def _validator(name: str, is_hub: bool) -> jsonschema.Draft202012Validator:
    schema = input_schema(name, is_hub)
    assert schema is not None
    return jsonschema.Draft202012Validator(schema)


def check_arguments(name: str, is_hub: bool, arguments: Mapping[str, Any]) -> None:
    """Hold the arguments against the tool's schema; the message names the place and the rule, never the value.

    Raises:
        Refusal: UNKNOWN_PARAMETER or INVALID_ARGUMENT.
    """
    error: Any = jsonschema.exceptions.best_match(_validator(name, is_hub).iter_errors(arguments))
    if error is None:
        _refuse_surrogates(arguments.values())
        return
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".")
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(allowed))
        raise Refusal(
            f"unknown parameter {escape(unknown[0][:64])!r}" + (f" in {where}" if where else ""),
            code="UNKNOWN_PARAMETER",
            details={"allowed": allowed},
        )
    said = _broken_rule(str(error.validator), error.validator_value, error.instance)
    raise Refusal(f"{where}: {said}" if where else said, code="INVALID_ARGUMENT")


def _broken_rule(rule: str, value: Any, instance: Any) -> str:
    """Return what a keyword of JSON Schema asks for, in words."""
    match rule:
        case "required":
            return "missing: " + ", ".join(key for key in value if key not in instance)
        case "type":
            return f"must be of type {value}"
        case "pattern":
            return "must not be blank"
        case "enum":
            return "must be one of " + ", ".join(value)
        case "maxLength":
            return f"is longer than {value} characters"
        case "minItems":
            return f"needs at least {value}"
        case "maxItems":
            return f"has more than {value}"
        case "minimum":
            return f"is below {value}"
        case "maximum":
            return f"is above {value}"
    return "does not fit the schema"


def _refuse_surrogates(values: Iterable[Any]) -> None:
    """JSON can carry half of a surrogate pair, which no file and no answer can."""
    for value in values:
        if isinstance(value, str):
            if not value.isascii() and re.search("[\ud800-\udfff]", value):
                raise Refusal("the text holds half of a surrogate pair", code="INVALID_ARGUMENT")
        elif isinstance(value, Mapping):
            _refuse_surrogates(value.values())
        elif isinstance(value, list):
            _refuse_surrogates(value)


def _target(spec: ToolSpec, arguments: Mapping[str, Any]) -> str | None:
    value = arguments.get(spec.target) if spec.target else None
    return escape(value[:MAX_TARGET_CHARS]) if isinstance(value, str) else None


def _without_content(error: BaseException) -> str:
    """Return an exception's type and the lines that raised it: its text could hold what the caller wrote."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return f"{type(error).__name__} " + " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))


def error_text(error: HarnessError) -> str:
    """Return the only text block of an error result."""
    return json.dumps({"error": error.to_json()}, ensure_ascii=False)
