"""The official MCP Inspector, headless: both eras, over HTTP with a token, and through the bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def inspect(seat: Seat, where: list[str], era: str, *words: str) -> tuple[int, Any]:
    """Ask one question; return the exit code and what was answered."""
    seat.variables["MCP_CATALOG_PATH"] = str(seat.home / "catalog.json")
    launcher = seat.programs.package("@modelcontextprotocol/inspector") / "clients/launcher/build/index.js"
    # What comes behind the target's own words would be taken for the target's.
    command: list[str | Path] = [seat.programs.node, launcher, "--cli", "--protocol-era", era, "--format", "json", "-q"]
    done = seat.run(*command, *words, *where)
    return done.returncode, json.loads(done.stdout or done.stderr)


@ERAS
@pytest.mark.parametrize("place", ["repository", "hub", "bridge"])
async def test_the_inspector_finds_nothing_to_complain_of(seat: Seat, place: str, era: str) -> None:
    where = await target(seat, place)
    code, listed = inspect(seat, where, era, "--method", "tools/list", "--strict")
    assert code == 0, listed
    names = [tool["name"] for tool in listed["result"]["tools"]]
    assert names == [*PLANNER_TOOLS, *(["list_repos"] if place == "hub" else [])]

    arguments = json.dumps({"path": "docs/spec.md"})
    call = ("--method", "tools/call", "--tool-name", "read_workflow_file", "--tool-args-json", arguments)
    code, read = inspect(seat, where, era, *call)
    assert code == 0, read
    assert read["result"]["structuredContent"]["content"] == seat.repository.read("docs/spec.md")


@ERAS
async def test_the_inspector_reads_resources_and_prompts(seat: Seat, era: str) -> None:
    where, uri = await target(seat, "repository"), f"repo-harness://{seat.slug}/docs/spec.md"
    _, listed = inspect(seat, where, era, "--method", "resources/list")
    assert uri in [resource["uri"] for resource in listed["result"]["resources"]]
    _, read = inspect(seat, where, era, "--method", "resources/read", "--uri", uri)
    assert read["result"]["contents"][0]["text"] == seat.repository.read("docs/spec.md")
    _, got = inspect(seat, where, era, "--method", "prompts/get", "--prompt-name", "review_handoff")
    assert seat.slug in got["result"]["messages"][0]["content"]["text"]


async def test_the_inspector_is_asked_for_a_login(seat: Seat) -> None:
    code, said = inspect(seat, [seat.url, "--transport", "http"], "modern", "--method", "tools/list")
    assert (code, said["error"]["code"]) == (3, "auth_required")
