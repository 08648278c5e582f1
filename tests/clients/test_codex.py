"""The real Codex: logs in, stays logged in and calls, over HTTP; and over stdio, as our commands set it up."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from tests.clients.client_home import Seat
from tests.clients.codex import MODERN, Codex
from tests.clients.model import model_of
from tests.promises.test_chain import PLANNER_TOOLS

EXECUTOR_TOOLS = [name for name in PLANNER_TOOLS if not name.startswith("write_")]
DOCUMENT = "https://chatgpt.com/oauth/codex/client.json"


@pytest.fixture
def codex(seat: Seat, kept_to_loopback: None) -> Codex:
    """Codex, new."""
    return Codex(seat)


async def log_in(codex: Codex, url: str, *words: str) -> dict[str, list[str]]:
    """Add a server by its address alone, answer the page that Codex leads to, and return what it asked."""
    async with codex.seat.running(codex.program, "mcp", "add", "harness", "--url", url, *words) as adding:
        asked = await codex.seat.answer_login(adding)
        assert await adding.until_end() == 0
        assert "Successfully logged in" in adding.said
    assert codex.server("harness")["auth_status"] == "o_auth"
    return parse_qs(urlsplit(asked).query)


@pytest.mark.parametrize(("place", "registration"), [("hub", "cimd"), ("repository", "dcr")])
async def test_codex_logs_in_by_oauth_and_calls_in_both_eras(codex: Codex, place: str, registration: str) -> None:
    seat = codex.seat
    by = () if registration == "cimd" else ("--oauth-client-registration", "dcr")
    asked = await log_in(codex, seat.hub_url if place == "hub" else seat.url, *by)
    assert (asked["client_id"] == [DOCUMENT]) is (registration == "cimd"), "its own choice is the document"
    assert asked["resource"] == [seat.hub_url if place == "hub" else seat.url]
    (connected,) = seat.daemon.rhctl("clients")["clients"]
    assert (connected["name"], connected["repos"]) == ("Codex", {seat.slug: ["planner"]})

    for words in ((), MODERN):
        async with codex.app_server(*words) as server:
            status = (await server.servers())["harness"]
            assert sorted(status["tools"]) == sorted([*PLANNER_TOOLS, *(["list_repos"] if place == "hub" else [])])
            assert (status["toolListMeta"] is not None) is (words == MODERN), "only the 2026 era stamps its results"
            read = await server.tool("harness", "read_workflow_file", path="docs/spec.md")
            assert read["content"] == seat.repository.read("docs/spec.md")
            title = f"Search in {len(words)} words"
            prd = await server.tool("harness", "write_prd_from_idea", title=title, idea="Find things.")
            assert f"# {title}" in seat.repository.read(prd["path"])


@pytest.mark.parametrize("words", [(), MODERN], ids=["handshake era", "2026 era"])
async def test_codex_refreshes_its_login_and_outlives_a_restart_of_the_daemon(
    codex: Codex, words: tuple[str, ...]
) -> None:
    await log_in(codex, codex.seat.hub_url)
    first = codex.credentials
    codex.age()
    async with codex.app_server(*words) as server:
        assert (await server.tool("harness", "harness_status"))["repo"] == codex.seat.slug
    second = codex.credentials
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]

    async with codex.app_server(*words) as server:
        assert (await server.tool("harness", "harness_status"))["repo"] == codex.seat.slug
        await trio.to_thread.run_sync(codex.seat.daemon.restart)
        assert (await server.tool("harness", "harness_status"))["repo"] == codex.seat.slug, "under an open client too"
    assert codex.credentials == second, "a restart makes no client log in or refresh"
    assert len(codex.seat.daemon.rhctl("clients")["clients"]) == 1


async def test_codex_asks_for_a_login_once_it_is_revoked(codex: Codex) -> None:
    await log_in(codex, codex.seat.hub_url)
    (connected,) = codex.seat.daemon.rhctl("clients")["clients"]
    codex.seat.daemon.rhctl("revoke", connected["id"])
    async with codex.app_server() as server:
        status = (await server.servers())["harness"]
        assert (status["authStatus"], status["tools"]) == ("notLoggedIn", {})
        assert "Auth required" in status["toolsError"]
    async with codex.seat.running(codex.program, "mcp", "login", "harness", "--no-browser") as login:
        await codex.seat.answer_login(login)
        assert await login.until_end() == 0
    async with codex.app_server() as server:
        assert (await server.tool("harness", "harness_status"))["repo"] == codex.seat.slug


def set_up(codex: Codex, scope: str) -> str:
    """Have one of our commands write Codex's configuration; return what it says."""
    words = {
        "project": ("repo-harness", "mcp", "setup", "codex", "--repo", ".", "--scope", "project"),
        "user": ("rhctl", "setup", "codex", "--scope", "user", "--write"),
    }[scope]
    done = codex.seat.run(*words, "--home", str(codex.seat.daemon.home))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("scope", ["project", "user"])
async def test_codex_connects_over_stdio_as_our_command_set_it_up(codex: Codex, scope: str) -> None:
    seat, said = codex.seat, set_up(codex, scope)
    if scope == "project":
        assert re.search(r"^ +trust_level = \"trusted\"$", said, re.M), "what is missing is said"
        async with codex.app_server() as server:
            assert "repo_harness" not in await server.servers(), "Codex reads no project that it does not trust"
        codex.trust()
    else:
        assert "trust" not in said
    assert codex.server("repo_harness")["transport"]["type"] == "stdio"

    async with codex.app_server(*MODERN) as server:
        status = (await server.servers())["repo_harness"]
        assert sorted(status["tools"]) == sorted(EXECUTOR_TOOLS)
        read = await server.tool("repo_harness", "read_workflow_file", path="tasks/current.md")
        assert read["content"] == seat.repository.read("tasks/current.md")
        note = await server.tool("repo_harness", "append_handoff_note", body="Half of it is done.")
        assert "Half of it is done." in seat.repository.read(note["path"])


def calls_of(said: str) -> dict[str, dict[str, Any]]:
    """Return what became of each call that a run of `codex exec` made, by tool."""
    events = [json.loads(line) for line in said.splitlines()]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return {item["tool"]: item for item in items if item["type"] == "mcp_tool_call"}


async def test_a_run_of_codex_has_the_tools_from_its_first_turn_and_asks_before_it_writes(codex: Codex) -> None:
    """`codex exec` waits for a required server alone, and lets nothing through that it would have to ask about."""
    seat, space = codex.seat, "mcp__repo_harness"
    set_up(codex, "project")
    read = (space, "read_workflow_file", {"path": "tasks/current.md"})
    write = (space, "append_handoff_note", {"body": "Half of it is done."})
    with model_of(read, write) as model:
        codex.configure(model.configuration())
        codex.trust()
        first = seat.run(codex.program, "exec", "--json", "--sandbox", "read-only", "go on")
        assert first.returncode == 0, first.stdout
        offered = next(tool for tool in model.heard[0]["tools"] if tool.get("name") == space)
        assert sorted(tool["name"] for tool in offered["tools"]) == sorted(EXECUTOR_TOOLS)
        became = calls_of(first.stdout)
        found = became["read_workflow_file"]["result"]["structured_content"]
        assert found["content"] == seat.repository.read("tasks/current.md")
        assert "requires approval" in became["append_handoff_note"]["error"]["message"]

        config = seat.repository.path / ".codex" / "config.toml"
        approved = f'[mcp_servers.repo_harness.tools.{write[1]}]\napproval_mode = "approve"\n'
        config.write_text(f"{config.read_text()}\n{approved}")
        set_up(codex, "project")
        assert approved in config.read_text(), "what its user says stays when it is set up again"
        again = seat.run(codex.program, "exec", "--json", "--sandbox", "read-only", "go on")
        note = calls_of(again.stdout)["append_handoff_note"]["result"]["structured_content"]
        assert "Half of it is done." in seat.repository.read(note["path"])
