"""The table of tools, in the order in which every list shows them, and what is derived from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from rhd.endpoint.tools.changes import CHANGES
from rhd.endpoint.tools.doctor import DOCTOR
from rhd.endpoint.tools.files import LIST, READ
from rhd.endpoint.tools.goal import GOAL
from rhd.endpoint.tools.latest import CHECKS, HANDOFF
from rhd.endpoint.tools.note import NOTE
from rhd.endpoint.tools.prd import PRD
from rhd.endpoint.tools.repos import REPOS
from rhd.endpoint.tools.shapes import Schema
from rhd.endpoint.tools.spec import ToolSpec
from rhd.endpoint.tools.sprint import SPRINT
from rhd.endpoint.tools.status import STATUS


def _table(specs: Iterable[ToolSpec]) -> Mapping[str, ToolSpec]:
    table: dict[str, ToolSpec] = {}
    for spec in specs:
        if spec.name in table:
            raise AssertionError(f"two tools are called {spec.name}")
        table[spec.name] = spec
    return MappingProxyType(table)


TOOLS = _table((STATUS, DOCTOR, LIST, READ, HANDOFF, CHECKS, CHANGES, PRD, SPRINT, GOAL, NOTE, REPOS))

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
    """Return the tools that somebody with these profiles is shown by an endpoint."""
    return [
        spec for spec in TOOLS.values() if not profiles.isdisjoint(spec.profiles) and (is_hub or not spec.is_of_hub)
    ]


def hints(spec: ToolSpec) -> dict[str, bool]:
    """Return the four hints of a tool. Nothing here reaches beyond the repositories."""
    return {
        "readOnlyHint": not spec.is_writing,
        "destructiveHint": spec.is_destructive,
        "idempotentHint": spec.is_idempotent,
        "openWorldHint": False,
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
