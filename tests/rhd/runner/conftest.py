"""A daemon in this process with fake agents on its PATH, and a repository in which they may be run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agent_runs import Runs, fake_agents, orchestrated
from tests.support.agents import FakeAgents
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAgents:
    """Fake agents, found by every daemon of this test."""
    return fake_agents(tmp_path, monkeypatch)


@pytest.fixture
async def daemon(tmp_path: Path, agents: FakeAgents, repository: Repository) -> AsyncIterator[Running]:
    """Serves `repository` as `project`, with agent runs enabled and a goal prepared."""
    async with running_daemon(tmp_path / "home") as running:
        assert await running.adopt(repository.path) == "project"
        yield running


@pytest.fixture
async def runs(daemon: Running, agents: FakeAgents, repository: Repository) -> Runs:
    """An orchestrator at that daemon."""
    return await orchestrated(daemon, agents, repository)
