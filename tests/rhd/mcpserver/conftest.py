"""A daemon in this process with one adopted repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


@pytest.fixture
async def daemon(tmp_path: Path, repository: Repository) -> AsyncIterator[Running]:
    """Serves `repository` as `project`."""
    async with running_daemon(tmp_path / "home") as running:
        assert await running.adopt(repository.path) == "project"
        yield running
