"""The official MCP Inspector, headless: both eras, over HTTP with a token, and through the bridge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.seat import Seat
from tests.promises.test_chain import PLANNER_TOOLS

ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])


async def target(seat: Seat, place: str) -> list[str]:
    """Return the words that lead the inspector to a place."""
    if place == "bridge":
        return ["--transport", "stdio", "rhctl", "connect", "--home", str(seat.daemon.home), "--repo", seat.slug]
    url = seat.hub_url if place == "hub" else seat.url
    return [url, "--transport", "http", "--header", f"Authorization: Bearer {await seat.token(url)}"]


class Found(NamedTuple):
    """What the inspector said to one question.

    Attributes:
        answer: the result, or the error.
        beside: what stood on stderr beside an answer.
    """

    code: int
    answer: Any
    beside: str


def inspect(seat: Seat, where: list[str], era: str, *words: str) -> Found:
    """Ask one question."""
    seat.variables["MCP_CATALOG_PATH"] = str(seat.home / "catalog.json")
    launcher = seat.programs.package("@modelcontextprotocol/inspector") / "clients/launcher/build/index.js"
    # What comes behind the target's own words would be taken for the target's.
    command: list[str | Path] = [seat.programs.node, launcher, "--cli", "--protocol-era", era, "--format", "json", "-q"]
    done = seat.run(*command, *words, *where)
    if not done.stdout:
        return Found(done.returncode, json.loads(done.stderr), "")
    return Found(done.returncode, json.loads(done.stdout), done.stderr)


def nullable(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield where a schema says with two types that a value can be null."""
    if isinstance(kind := schema["type"], list):
        assert kind[1:] == ["null"], "any other choice of types is one that callers have to make"
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from nullable(inner, f"{path}.properties.{name}".removeprefix("."))
    if "items" in schema:
        yield from nullable(schema["items"], f"{path}.items")


@ERAS
@pytest.mark.parametrize("place", ["repository", "hub", "bridge"])
async def test_the_inspector_complains_of_nothing_but_nulls_in_outputs(seat: Seat, place: str, era: str) -> None:
    """Which are for who reads an answer: it is input schemas that hosts turn into a model's own dialect."""
    where = await target(seat, place)
    code, listed, report = inspect(seat, where, era, "--method", "tools/list", "--strict")
    assert code == 0, listed
    tools = listed["result"]["tools"]
    assert [tool["name"] for tool in tools] == [*PLANNER_TOOLS, *(["list_repos"] if place == "hub" else [])]
    complaints = [
        (tool["toolName"], each["severity"], each["rule"], each["schema"], each["path"])
        for tool in listed.get("schemaFindings", [])
        for each in tool["findings"]
    ]
    nulls = [
        (tool["name"], "warning", "type-union", "outputSchema", path)
        for tool in tools
        for path in nullable(tool["outputSchema"])
    ]
    assert sorted(complaints) == sorted(nulls)
    assert report.count("Warning: ") == len(nulls)
    assert re.sub(r"^(Warning: |  Path: |  Issue: |  Suggestion: |0 errors, ).*\n|^\n", "", report, flags=re.M) == ""

    arguments = json.dumps({"path": "docs/spec.md"})
    call = ("--method", "tools/call", "--tool-name", "read_workflow_file", "--tool-args-json", arguments)
    code, read, beside = inspect(seat, where, era, *call)
    assert (code, beside) == (0, ""), read
    assert read["result"]["structuredContent"]["content"] == seat.repository.read("docs/spec.md")


@ERAS
async def test_the_inspector_reads_resources_and_prompts(seat: Seat, era: str) -> None:
    where, uri = await target(seat, "repository"), f"repo-harness://{seat.slug}/docs/spec.md"
    _, listed, beside = inspect(seat, where, era, "--method", "resources/list")
    assert beside == ""
    assert uri in [resource["uri"] for resource in listed["result"]["resources"]]
    _, read, beside = inspect(seat, where, era, "--method", "resources/read", "--uri", uri)
    assert beside == ""
    assert read["result"]["contents"][0]["text"] == seat.repository.read("docs/spec.md")
    _, got, beside = inspect(seat, where, era, "--method", "prompts/get", "--prompt-name", "review_handoff")
    assert beside == ""
    assert seat.slug in got["result"]["messages"][0]["content"]["text"]


async def test_the_inspector_is_asked_for_a_login(seat: Seat) -> None:
    code, said, _ = inspect(seat, [seat.url, "--transport", "http"], "modern", "--method", "tools/list")
    assert (code, said["error"]["code"]) == (3, "auth_required")
