"""The tools as a release had them, and what later ones may not do to them.

Clients freeze a list of tools when they first see it. So names, schemas, hints and titles are for ever: a later release
adds tools, and inputs that are optional. `python -m tests.support.frozen_tools` writes the file of
the version that is being released; the file of a published release is never written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rhd.access import PROFILES
from rhd.mcpserver.tools.tool_table import described_tools
from rhwire.version import VERSION

FOLDER = Path(__file__).parent.parent / "rhd/mcpserver/data"
PLACES = {"hub": True, "repo": False}


def freeze() -> dict[str, Any]:
    """Return the tools as they are now: by endpoint their schemas, and which profile is shown which."""
    return {
        place: {
            "tools": {
                tool["name"]: _without_words({key: value for key, value in tool.items() if key != "description"})
                for tool in described_tools(frozenset(PROFILES), is_hub)
            },
            "profiles": {
                profile: [tool["name"] for tool in described_tools(frozenset({profile}), is_hub)]
                for profile in PROFILES
            },
        }
        for place, is_hub in PLACES.items()
    }


def broken_promises(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what a client that froze `old` would miss in `new`, one sentence each."""
    return [f"{place}: {said}" for place in old for said in _broken(old[place], new.get(place, _NOWHERE))]


_NOWHERE: dict[str, Any] = {"tools": {}, "profiles": {}}


def _broken(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, tool in old["tools"].items():
        if (now := new["tools"].get(name)) is None:
            yield f"{name} is gone"
            continue
        for key in tool:
            if key != "inputSchema" and tool[key] != now.get(key):
                yield f"{name}: its {key} changed"
        yield from (f"{name}: {said}" for said in _narrowed(tool["inputSchema"], now["inputSchema"]))
    for profile, names in old["profiles"].items():
        for name in set(names) - set(new["profiles"].get(profile, ())):
            yield f"{profile} is no longer shown {name}"


def _narrowed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in old["properties"].items():
        if name not in new["properties"]:
            yield f"the input {name} is gone"
        elif schema != new["properties"][name]:
            yield f"the input {name} changed"
    for name in set(new["required"]) - set(old["required"]):
        yield f"the input {name} is now required"
    for key in (old.keys() | new.keys()) - {"properties", "required"}:
        if old.get(key) != new.get(key):
            yield f"the input's {key} changed"


def _without_words(schema: Any) -> Any:
    """Return a schema without descriptions: a better word breaks no client."""
    if isinstance(schema, list):
        return [_without_words(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _without_words(each) for name, each in value.items()}
        if key == "properties"
        else _without_words(value)
        for key, value in schema.items()
        if key != "description"
    }


if __name__ == "__main__":
    (FOLDER / f"tools-{VERSION}.json").write_text(json.dumps(freeze(), indent=1) + "\n")
