"""The real Codex: logs in, stays logged in and calls, over HTTP; and over stdio, as our commands set it up."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from tests.clients.codex import MODERN, Codex
from tests.clients.seat import Seat
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
            assert status["runtimeStatus"] == "connected"
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
    assert codex.credentials == second, "a restart makes nobody log in or refresh"
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


@pytest.mark.parametrize("scope", ["project", "user"])
async def test_codex_connects_over_stdio_as_our_command_set_it_up(codex: Codex, scope: str) -> None:
    seat = codex.seat
    home = ("--home", str(seat.daemon.home))
    if scope == "project":
        done = seat.run("repo-harness", "mcp", "setup", "codex", "--repo", ".", "--scope", "project", *home)
        assert re.search(r"^ +trust_level = \"trusted\"$", done.stdout, re.M), "what is missing is said"
        async with codex.app_server() as server:
            assert "repo_harness" not in await server.servers(), "Codex reads no project that it does not trust"
        codex.trust()
    else:
        done = seat.run("rhctl", "setup", "codex", "--scope", "user", "--write", *home)
        assert "trust" not in done.stdout
    assert done.returncode == 0, done.stderr
    assert codex.server("repo_harness")["transport"]["type"] == "stdio"

    async with codex.app_server(*MODERN) as server:
        status = (await server.servers())["repo_harness"]
        assert status["runtimeStatus"] == "connected"
        assert sorted(status["tools"]) == sorted(EXECUTOR_TOOLS)
        read = await server.tool("repo_harness", "read_workflow_file", path="tasks/current.md")
        assert read["content"] == seat.repository.read("tasks/current.md")
        note = await server.tool("repo_harness", "append_handoff_note", body="Half of it is done.")
        assert "Half of it is done." in seat.repository.read(note["path"])
