"""A daemon in this process, the client's commands on its home, and service managers to keep one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pwd
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rhctl.managers.launchd
import rhctl.managers.systemd
from rhctl import daemon_start as launch
from rhctl.managers import actions, steps
from rhctl.managers import detection as managers
from rhctl.managers.manager import Manager
from rhd import commandline
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support import lock_holder
from tests.support.agent_runs import Runs, fake_agents, orchestrated
from tests.support.fake_service_managers import FakeLaunchd, FakeSystemd, on_path
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


@pytest.fixture
async def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A daemon that serves; it is that of the environment, and the current folder is in no repository."""
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    async with running_daemon(tmp_path / "home") as running:
        yield running


@pytest.fixture
async def runs(daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """An orchestrator at that daemon, with fake agents."""
    agents = fake_agents(tmp_path, monkeypatch)
    daemon.context.runs._environ = agents.environ  # the daemon began before them
    assert await daemon.adopt(repository.path) == "project"
    return await orchestrated(daemon, agents, repository)


@pytest.fixture
def no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that no daemon serves."""
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def _pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: Callable[[], Manager]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(managers, "find_manager", manager)
    monkeypatch.setattr(actions, "find_manager", manager)
    monkeypatch.setattr(launch, "daemon_program", lock_holder.program)
    for module in (actions, steps):
        monkeypatch.setattr(module, "ask_settings", _ask_settings)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def _ask_settings(home: Home, assignment: str | None = None) -> Any:
    """Ask the daemon's program in this process: the client's own way, which starts one, takes a quarter of a second."""
    out = io.StringIO()
    words = [] if home.is_default else ["--home", home.base]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        commandline.main([*words, "--settings", *([assignment] if assignment else [])])
    answer = json.loads(out.getvalue())
    if error := answer.get("error"):
        raise HarnessError(error["message"], code=error["code"], next_step=error["next_step"])
    return answer


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    """A systemd user manager of this user, whose session lingers; daemons are stand-ins."""
    _pretend(tmp_path, monkeypatch, rhctl.managers.systemd.Systemd)
    (tmp_path / "run/systemd").mkdir(parents=True)
    (tmp_path / "run/systemd/private").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(rhctl.managers.systemd, "BOOTED", str(tmp_path / "run/systemd"))
    monkeypatch.setattr(rhctl.managers.systemd, "LINGERING", str(tmp_path / "linger"))
    (tmp_path / "linger").mkdir()
    (tmp_path / "linger" / pwd.getpwuid(os.getuid()).pw_name).touch()
    fake = FakeSystemd(Path.home() / ".config/systemd/user")
    with on_path(tmp_path / "bin", "systemctl", fake):
        yield fake


@pytest.fixture
def launchd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLaunchd]:
    """A launchd session of this user; daemons are stand-ins."""
    _pretend(tmp_path, monkeypatch, rhctl.managers.launchd.Launchd)
    fake = FakeLaunchd()
    with on_path(tmp_path / "bin", "launchctl", fake):
        yield fake


@pytest.fixture
def no_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container: systemd does not run it."""
    _pretend(tmp_path, monkeypatch, rhctl.managers.systemd.Systemd)
    monkeypatch.setattr(rhctl.managers.systemd, "BOOTED", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(rhctl.managers.systemd, "RUNTIMES", str(tmp_path / "nowhere"))
