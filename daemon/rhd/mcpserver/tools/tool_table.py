"""The table of tools, in the order in which every list shows them, and what is derived from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from rhd.mcpserver.tools.changes import CHANGES
from rhd.mcpserver.tools.doctor import DOCTOR
from rhd.mcpserver.tools.files import LIST, READ
from rhd.mcpserver.tools.goal import GOAL
from rhd.mcpserver.tools.latest import CHECKS, HANDOFF
from rhd.mcpserver.tools.note import NOTE
from rhd.mcpserver.tools.output_schemas import Schema
from rhd.mcpserver.tools.prd import PRD
from rhd.mcpserver.tools.repos import REPOS
from rhd.mcpserver.tools.runs import CANCEL_RUN, GET_RUN, RUN_GOAL
from rhd.mcpserver.tools.sprint import SPRINT
from rhd.mcpserver.tools.status import STATUS
from rhd.mcpserver.tools.tool_spec import ToolSpec


def _table(specs: Iterable[ToolSpec]) -> Mapping[str, ToolSpec]:
    table: dict[str, ToolSpec] = {}
    for spec in specs:
        if spec.name in table:
            raise AssertionError(f"two tools are called {spec.name}")
        table[spec.name] = spec
    return MappingProxyType(table)


TOOLS = _table(
    (
        STATUS,
        DOCTOR,
        LIST,
        READ,
        HANDOFF,
        CHECKS,
        CHANGES,
        PRD,
        SPRINT,
        GOAL,
        NOTE,
        RUN_GOAL,
        GET_RUN,
        CANCEL_RUN,
        REPOS,
    )
)

REPO_ARGUMENT: Schema = {
    "type": "string",
    "maxLength": 120,
    "description": "Which repository, as list_repos names it; needed if several were granted.",
}


_HUB_INPUTS: Mapping[str, Schema] = {
    spec.name: spec.input
    if spec.is_of_hub
    else {**spec.input, "properties": {**spec.input["properties"], "repo": REPO_ARGUMENT}}
    for spec in TOOLS.values()
}


def input_schema(name: str, is_hub: bool) -> Schema | None:
    """Return a tool's input schema as an endpoint shows it; None if it has no such tool."""
    if is_hub:
        return _HUB_INPUTS.get(name)
    spec = TOOLS.get(name)
    return spec.input if spec is not None and not spec.is_of_hub else None


def shown_tools(profiles: frozenset[str], is_hub: bool = False) -> list[ToolSpec]:
    """Return the tools that an endpoint lists to a client with these profiles."""
    return [
        spec for spec in TOOLS.values() if not profiles.isdisjoint(spec.profiles) and (is_hub or not spec.is_of_hub)
    ]


def hints(spec: ToolSpec) -> dict[str, bool]:
    """Return the four hints of a tool."""
    return {
        "readOnlyHint": not spec.is_writing,
        "destructiveHint": spec.is_destructive,
        "idempotentHint": spec.is_idempotent,
        "openWorldHint": spec.is_open_world,
    }


@lru_cache(maxsize=64)
def described_tools(profiles: frozenset[str], is_hub: bool) -> tuple[dict[str, Any], ...]:
    """Return the tools as `tools/list` sends them."""
    return tuple(
        {
            "name": spec.name,
            "title": spec.title,
            "description": spec.description,
            "inputSchema": input_schema(spec.name, is_hub),
            "outputSchema": spec.output,
            "annotations": {"title": spec.title, **hints(spec)},
        }
        for spec in shown_tools(profiles, is_hub)
    )


@lru_cache(maxsize=64)
def tools_hash(profiles: frozenset[str], is_hub: bool) -> str:
    """Return 12 characters that change when a list of tools does; a client compares them with what it froze."""
    text = json.dumps(described_tools(profiles, is_hub), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
