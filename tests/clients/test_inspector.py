"""The official MCP Inspector, headless: both eras, over HTTP with a token, and through the bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.client_home import Seat
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


@ERAS
@pytest.mark.parametrize("place", ["repository", "hub", "bridge"])
async def test_the_inspector_finds_nothing_to_complain_of(seat: Seat, place: str, era: str) -> None:
    where = await target(seat, place)
    code, listed, beside = inspect(seat, where, era, "--method", "tools/list", "--strict")
    assert code == 0, listed
    names = [tool["name"] for tool in listed["result"]["tools"]]
    assert names == [*PLANNER_TOOLS, *(["list_repos"] if place == "hub" else [])]
    assert (listed.get("schemaFindings", []), beside) == ([], "")

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
