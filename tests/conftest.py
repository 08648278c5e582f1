"""What every test shares: a home of its own, never the user's; git that reads nobody's configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.repositories import Repository


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the home, the daemon or the git configuration of whoever runs it."""
    home = tmp_path / "user"
    home.mkdir()
    for name in [n for n in os.environ if n.startswith(("REPO_HARNESS_", "XDG_", "GIT_", "LISTEN_", "NOTIFY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A git repository with one commit and a few workflow artifacts."""
    return Repository.make(tmp_path / "project")
