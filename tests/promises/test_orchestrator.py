"""The orchestrator's two commands, typed as they stand by a new user; a client starts the agent that they allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from mcp.shared.exceptions import MCPError

from rhd.runner.agents import AGENTS
from rhd.runner.outcome import REASONS, STATES
from tests.promises.test_connector import Terminal
from tests.support.agents import DONE, SPRINT, FakeAgents, prepare_goal
from tests.support.attached import told
from tests.support.consent_person import Memory, Person, logged_in
from tests.support.repositories import Repository

BY_FLAGS = """repo-harness mcp serve --repo . --transport http --host 127.0.0.1 --port {port} \\
--profile orchestrator --enable-dev-runner --dev-runner-agents codex"""
BY_ENVIRONMENT = "repo-harness mcp serve --repo . --transport http --profile orchestrator"
VARIABLES = {"REPO_HARNESS_MCP_DEV_RUNNER": "1", "REPO_HARNESS_MCP_DEV_RUNNER_AGENTS": "codex,claude"}


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAgents:
    """Agents on the user's PATH."""
    fake = FakeAgents(tmp_path / "bin", tmp_path / "user")
    for name, value in fake.environ.items():
        monkeypatch.setenv(name, value)
    return fake


@pytest.fixture
def terminal(tmp_path: Path, agents: FakeAgents) -> Iterator[Terminal]:
    """A terminal in a repository that has been adopted; no daemon runs, and none is left."""
    terminal = Terminal(tmp_path / "home", Repository.make(tmp_path / "app", artifacts=False).path)
    terminal.must("repo-harness adopt")
    terminal.must("rhctl service stop")
    yield terminal
    terminal.must("rhctl service stop")


@pytest.mark.slow
@pytest.mark.parametrize(("line", "variables"), [(BY_FLAGS, {}), (BY_ENVIRONMENT, VARIABLES)], ids=["flags", "env"])
async def test_each_command_lets_a_client_run_the_goal_for_as_long_as_it_serves(
    terminal: Terminal, agents: FakeAgents, line: str, variables: dict[str, str]
) -> None:
    terminal.environment |= variables
    agents.plan(["tick", SPRINT], ["event", DONE])
    with terminal.running(line.replace("\\\n", " ").format(port=terminal.port), until="agent runs enabled"):
        terminal.must("rhctl start --profile planner")
        status = terminal.must("rhctl status")
        assert f"agent runs enabled ({'codex, claude' if variables else 'codex'}), since 20" in status
        passphrase = json.loads((terminal.folder / ".repo-harness/mcp.oauth.json").read_text())["passphrase"]
        person = Person(passphrase)
        async with logged_in(f"http://127.0.0.1:{terminal.port}/mcp", person, Memory(), name="ChatGPT") as chatgpt:

            async def call(tool: str, **arguments: object) -> dict[str, object]:
                return told(await chatgpt.call_tool(tool, arguments))

            revision = await prepare_goal(call, Repository(terminal.folder))
            names = {tool.name for tool in (await chatgpt.list_tools()).tools}
            assert "run_agent_goal" not in names, "a planner's grant has no such tool"
            with pytest.raises(MCPError):  # 403, insufficient_scope
                await call("run_agent_goal", agent="codex", expected_revision=revision)
            terminal.must("rhctl grant ChatGPT app --profile orchestrator")
            run = await call("run_agent_goal", agent="codex", expected_revision=revision)
            with trio.fail_after(30):
                while run["ended_at"] is None:
                    run = await call("get_agent_run", run_id=run["run_id"], wait_s=10)
            assert (run["state"], run["cards"]) == ("done", {"done": 1, "total": 1})
    assert agents.processes() == {}


def test_the_page_names_every_agent_state_and_reason_and_how_each_agent_is_started() -> None:
    page = (Path(__file__).parents[2] / "docs/orchestrator.md").read_text()
    for word in (*STATES, *REASONS, *AGENTS):
        assert f"`{word}`" in page, word
    for agent in AGENTS.values():
        assert f"`{' '.join((agent.program, *agent.words(())))}`" in page
        assert agent.tested in page
    for line in (BY_FLAGS, BY_ENVIRONMENT):
        assert line.format(port=8765) in page
