"""`rhctl connect`: MCP on standard input and output, and nothing else on the latter."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.inprocess import Running, running_daemon
from tests.support.json_lines import JsonLines
from tests.support.repositories import Repository
from tests.support.terminal import finish, spawned

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "agent", "version": "0"},
}


class Agent:
    """An agent's end of `rhctl connect`."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._lines = JsonLines(process.stdout)

    async def say(self, id_: int | None, method: str, params: Any = None) -> None:
        """Send one message."""
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}} | ({"id": id_} if id_ else {})
        assert self.process.stdin is not None
        await self.process.stdin.send_all(json.dumps(message).encode() + b"\n")

    async def hear(self) -> Any:
        """Return the next message."""
        message = await self._lines.next()
        assert message is not None, "the bridge ended"
        return message

    async def shake_hands(self) -> None:
        """Begin a session of the handshake era."""
        await self.say(1, "initialize", INITIALIZE)
        assert (await self.hear())["result"]["capabilities"]["tools"] is not None
        await self.say(None, "notifications/initialized")

    async def call(self, id_: int, tool: str, **arguments: Any) -> Any:
        """Call a tool and return its result; notifications before it are dropped."""
        await self.say(id_, "tools/call", {"name": tool, "arguments": arguments})
        while (answer := await self.hear()).get("id") != id_:
            assert "method" in answer, answer
        return answer["result"]

    async def tools(self, id_: int) -> list[str]:
        """Return the names of the tools."""
        await self.say(id_, "tools/list")
        return [tool["name"] for tool in (await self.hear())["result"]["tools"]]


@asynccontextmanager
async def agent_at(cwd: Path | None, *words: str) -> AsyncIterator[Agent]:
    """Yield an agent that was started in a folder."""
    async with spawned("connect", *words, cwd=cwd) as process:
        yield Agent(process)


def uri(path: str) -> str:
    return f"repo-harness://project/{path}"


async def test_an_agent_is_served_the_repository_it_was_started_in_until_it_leaves(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with agent_at(repository.path / "plans") as agent:
        await agent.shake_hands()
        assert (await daemon.call("status", repo=slug))["repos"][0]["clients"] == 1
        assert {"write_prd_from_idea", "append_handoff_note"} <= set(await agent.tools(2))
        await agent.say(3, "tools/call", {"name": "harness_status", "arguments": {}})
        said = await finish(agent.process)  # what was asked before it left is still answered
        assert json.loads(said.out)["id"] == 3
        assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize(("profile", "has_it"), [("planner", True), ("executor", False)])
async def test_a_named_profile_is_all_that_is_served(
    daemon: Running, repository: Repository, profile: str, has_it: bool
) -> None:
    await daemon.adopt(repository.path)
    async with agent_at(None, "--repo", "project", "--profile", profile) as agent:
        await agent.shake_hands()
        assert ("write_prd_from_idea" in await agent.tools(2)) is has_it


async def test_a_client_outlives_its_daemon_and_hears_what_changed_meanwhile(
    tmp_path: Path, repository: Repository
) -> None:
    async with agent_at(repository.path, "--home", str(tmp_path / "home")) as agent:
        async with running_daemon(tmp_path / "home") as daemon:
            await daemon.adopt(repository.path)
            await agent.shake_hands()
            await agent.say(2, "resources/subscribe", {"uri": uri("tasks/current.md")})
            await agent.hear()
            (connected,) = (await daemon.call("clients"))["clients"]
            assert (connected["name"], connected["pid"]) == ("agent", agent.process.pid)
            assert connected["repos"] == {"project": ["planner", "executor"]}
        repository.write("tasks/current.md", "# Others\n")
        await agent.say(3, "tools/call", {"name": "latest_checks", "arguments": {}})
        async with running_daemon(tmp_path / "home") as daemon:
            answers, told = [], []
            while not (answers and uri("tasks/current.md") in told):
                message = await agent.hear()
                if "id" in message:
                    answers.append(message["id"])
                else:
                    told.append(message["params"]["uri"] if "params" in message else message["method"])
            assert answers == [3]
            (again,) = (await daemon.call("clients"))["clients"]
            assert again["id"] == connected["id"], "it is the same client"
            said = await finish(agent.process)
            assert (said.code, said.err) == (0, "")


async def test_outside_of_every_repository_a_client_reads_why_until_one_is_adopted_there(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    await daemon.adopt(Repository.make(tmp_path / "other").path)
    async with agent_at(repository.path) as agent:
        await agent.shake_hands()
        assert await agent.tools(2) == ["harness_status", "list_repos"]
        for id_, tool, arguments in (
            (3, "harness_status", {}),
            (4, "read_workflow_file", {"path": "AGENTS.md", "repo": "other"}),
        ):
            result = await agent.call(id_, tool, **arguments)
            assert result["isError"]
            text = result["content"][0]["text"]
            assert "REPO_NOT_ADOPTED" in text
            assert "adopted: other" in text
            assert str(tmp_path) not in text
        await agent.say(5, "resources/list")
        assert (await agent.hear())["result"]["resources"] == []
        listed = await agent.call(6, "list_repos")
        assert [each["slug"] for each in listed["structuredContent"]["repos"]] == ["other"]
        assert (await agent.call(7, "harness_status", repo="other"))["structuredContent"]["repo"] == "other"
        (connected,) = (await daemon.call("clients"))["clients"]
        assert (connected["name"], connected["repos"]) == ("agent", {})

        await daemon.adopt(repository.path)
        assert (await agent.hear())["method"] == "notifications/tools/list_changed"
        assert (await agent.hear())["method"] == "notifications/resources/list_changed"
        assert (await agent.call(8, "harness_status"))["structuredContent"]["repo"] == "project"


async def test_the_repository_is_that_of_claude_s_project_unless_one_is_named(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    await daemon.adopt(Repository.make(tmp_path / "other").path)
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(repository.path))
    for words, slug in (((), "project"), (("--repo", "other"), "other")):
        async with agent_at(tmp_path / "other", *words) as agent:
            await agent.shake_hands()
            assert (await agent.call(2, "harness_status"))["structuredContent"]["repo"] == slug


async def test_no_daemon_is_started_if_that_is_not_wanted_and_the_client_reads_so(no_daemon: Path) -> None:
    async with agent_at(None, "--no-start") as agent:
        await agent.say(1, "initialize", INITIALIZE)
        assert (await agent.hear())["error"]["data"]["code"] == "NO_DAEMON"
        said = await finish(agent.process)
        assert (said.code, said.out) == (3, "")
        assert said.err.startswith("rhctl: no daemon serves this home")
    assert not no_daemon.exists()
