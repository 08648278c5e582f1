"""An orchestrator at a daemon in this process: starts runs of fake agents and follows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.agents import FakeAgents, prepare_goal
from tests.support.calls import Calling, calling, granted
from tests.support.inprocess import Running
from tests.support.repositories import Repository

WITHIN_S = 30


@dataclass
class Runs:
    """An orchestrator in the repository `project`.

    Attributes:
        planner: calls tools as planner.
        revision: of the goal.
    """

    daemon: Running
    agents: FakeAgents
    repository: Repository
    planner: Calling
    revision: str

    @property
    def call(self) -> Calling:
        """Calls tools as orchestrator."""
        return calling(self.daemon, granted(self.daemon, project=["orchestrator"]), at="project")

    async def start(self, agent: str = "codex", **changes: Any) -> dict[str, Any]:
        """Start a run and return the answer."""
        return await self.call("run_agent_goal", agent=agent, **{"expected_revision": self.revision, **changes})

    async def until(self, run_id: str, state: str) -> dict[str, Any]:
        """Return a run once it is in a state."""
        with trio.fail_after(WITHIN_S):
            while (run := await self.call("get_agent_run", run_id=run_id, wait_s=5))["state"] != state:
                assert run["ended_at"] is None, run
        return run

    async def finish(self, *steps: list[Any], agent: str = "codex") -> dict[str, Any]:
        """Have an agent do something and return the run once it has ended."""
        self.agents.plan(*steps)
        answer = await self.start(agent)
        assert "run_id" in answer, answer
        with trio.fail_after(WITHIN_S):
            while (run := await self.call("get_agent_run", run_id=answer["run_id"], wait_s=5))["ended_at"] is None:
                pass
        return run


def fake_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAgents:
    """Return fake agents that every daemon of this test finds."""
    fake = FakeAgents(tmp_path / "agents", tmp_path / "user")
    for name, value in fake.environ.items():
        monkeypatch.setenv(name, value)
    return fake


async def orchestrated(daemon: Running, agents: FakeAgents, repository: Repository) -> Runs:
    """Enable agent runs in the repository `project` of a daemon, prepare a goal, and return an orchestrator there."""
    await daemon.call(
        "start", repo="project", profile="orchestrator", enable_dev_runner=True, dev_runner_agents="codex,claude"
    )
    planner = calling(daemon, granted(daemon, project=["planner"]), at="project")
    return Runs(daemon, agents, repository, planner, await prepare_goal(planner, repository))
