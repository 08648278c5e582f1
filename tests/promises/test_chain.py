"""The chain: idea -> PRD -> sprint -> goal, by the official client, over a real port and through the bridge."""

from __future__ import annotations

import sys

import httpx2
import pytest
import trio
from mcp import Client, StdioServerParameters

from tests.support.attached import told
from tests.support.consent_person import Memory, Person, logged_in
from tests.support.daemons import Daemon, environment
from tests.support.repositories import Repository

PLANNER_TOOLS = [
    "harness_status",
    "harness_doctor",
    "list_workflow_files",
    "read_workflow_file",
    "latest_handoff",
    "latest_checks",
    "list_workflow_changes",
    "write_prd_from_idea",
    "write_checklist_sprint",
    "prepare_codex_goal_from_sprint",
    "append_handoff_note",
]


async def walk_the_chain(client: Client, repository: Repository, **which: str) -> None:
    """Write a PRD, a sprint and a goal, and find them on disk."""
    status = told(await client.call_tool("harness_status", {**which}))
    assert status["branch"] == "main"
    prd = told(
        await client.call_tool(
            "write_prd_from_idea",
            {**which, "title": "Full text search", "idea": "Find things.", "success_criteria": ["p99 below 1 s"]},
        )
    )
    assert prd["created"] is True
    sprint = told(
        await client.call_tool(
            "write_checklist_sprint",
            {
                **which,
                "title": "Search sprint",
                "prd_path": prd["path"],
                "tasks": [{"title": "Index", "objective": "build it"}, {"title": "Query", "objective": "answer it"}],
            },
        )
    )
    assert sprint["cards"] == 2
    goal = told(
        await client.call_tool(
            "prepare_codex_goal_from_sprint", {**which, "prd_path": prd["path"], "sprint_path": sprint["path"]}
        )
    )
    assert goal["path"] == ".ai/harness/handoff/codex-goal.md"
    assert goal["prompt"].startswith(f"/goal Every task card of {sprint['path']} is done")
    assert goal["path"] in goal["prompt"]
    assert "# Full text search" in repository.read(prd["path"])
    assert "### Task Card 2: Query" in repository.read(sprint["path"])
    assert sprint["path"] in repository.read(goal["path"])
    found = told(await client.call_tool("list_workflow_files", {**which, "kind": "sprint"}))
    assert found["files"][0]["path"] == sprint["path"]
    assert found["files"][0]["cards"] == {"done": 0, "total": 2, "finished": False}
    read = told(await client.call_tool("read_workflow_file", {**which, "path": prd["path"]}))
    assert (read["content"], read["revision"]) == (repository.read(prd["path"]), prd["revision"])


@pytest.mark.parametrize(("place", "mode"), [("hub", "2026-07-28"), ("repository", "legacy")])
async def test_the_chain_over_http_in_both_eras(daemon: Daemon, repository: Repository, mode: str, place: str) -> None:
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    passphrase = daemon.rhctl("passphrase", "show", slug)["passphrase"]
    url = f"{daemon.url}/mcp" if place == "hub" else f"{daemon.url}/r/{slug}/mcp"
    memory, person = Memory(), Person("not the passphrase", passphrase)
    with trio.fail_after(60):
        async with logged_in(url, person, memory, mode=mode) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert tools == [*PLANNER_TOOLS, *(["list_repos"] if place == "hub" else [])]
            wrong = person.pages[1]
            assert wrong.alert is not None
            assert "Test client" in wrong.text  # a wrong passphrase leaves everything in place
            await walk_the_chain(client, repository, **({"repo": slug} if place == "hub" else {}))

        await trio.to_thread.run_sync(daemon.restart)
        stranger = Person()  # who would know no passphrase: the token must be enough
        async with logged_in(url, stranger, memory, mode=mode) as client:
            assert told(await client.call_tool("harness_status", {}))["repo"] == slug
            assert stranger.pages == []

        (connected,) = daemon.rhctl("clients", slug)["clients"]
        assert connected["repos"] == {slug: ["planner"]}
        daemon.rhctl("revoke", connected["id"])
        assert memory.tokens is not None
        async with httpx2.AsyncClient() as http:
            for token in (memory.tokens.access_token, "unknown"):
                refused = await http.post(url, json={}, headers={"Authorization": f"Bearer {token}"})
                assert refused.status_code == 401
                assert 'error="invalid_token"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_the_chain_through_the_bridge(daemon: Daemon, repository: Repository, mode: str) -> None:
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "rhctl", "connect", "--repo", slug],
        env=environment(REPO_HARNESS_HOME=str(daemon.home)),
    )
    with trio.fail_after(60):
        async with Client(server, mode=mode, cache=None) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == PLANNER_TOOLS
            await walk_the_chain(client, repository)
