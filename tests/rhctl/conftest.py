"""A daemon in this process, and the client's commands on its home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.inprocess import Running, running_daemon


@pytest.fixture
async def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A daemon that serves; it is that of the environment, and the current folder is in no repository."""
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    async with running_daemon(tmp_path / "home") as running:
        yield running


@pytest.fixture
def no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that no daemon serves."""
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"
