"""A daemon in this process with fake agents on its PATH, and a repository in which they may be run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agent_runs import Runs
from tests.support.agents import FakeAgents, prepare_goal
from tests.support.calls import calling, granted
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAgents:
    """Fake agents, found by every daemon of this test."""
    fake = FakeAgents(tmp_path / "agents", tmp_path / "user")
    for name, value in fake.environ.items():
        monkeypatch.setenv(name, value)
    return fake


@pytest.fixture
async def daemon(tmp_path: Path, agents: FakeAgents, repository: Repository) -> AsyncIterator[Running]:
    """Serves `repository` as `project`, with agent runs enabled and a goal prepared."""
    async with running_daemon(tmp_path / "home") as running:
        assert await running.adopt(repository.path) == "project"
        yield running


@pytest.fixture
async def runs(daemon: Running, agents: FakeAgents, repository: Repository) -> Runs:
    """An orchestrator at that daemon."""
    await daemon.call(
        "start", repo="project", profile="orchestrator", enable_dev_runner=True, dev_runner_agents="codex,claude"
    )
    planner = calling(daemon, granted(daemon, project=["planner"]), at="project")
    revision = await prepare_goal(planner, repository)
    return Runs(daemon, agents, repository, planner, revision)
