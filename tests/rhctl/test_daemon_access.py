"""rhctl.daemon_access: a daemon that serves is used; else the installed service is started, else a daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from rhctl import daemon_start
from rhctl.client import DaemonClient
from rhctl.daemon_access import open_client, start_daemon
from rhctl.errors import NoDaemon
from rhctl.managers import detection as managers
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support.inprocess import Running
from tests.support.terminal import run


@pytest.fixture
def home(no_daemon: Path) -> Home:
    """A home that no daemon serves."""
    found = Home(str(no_daemon))
    found.prepare()
    return found


@pytest.fixture
def daemon_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the daemon's place."""
    return lambda script: monkeypatch.setattr(daemon_start, "daemon_command", lambda home: ["sh", "-c", script])


def test_a_daemon_is_started_only_if_nobody_serves_and_that_is_wanted(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = DaemonClient(socket.socket(socket.AF_UNIX))
    monkeypatch.setattr("rhctl.daemon_access.start_daemon", lambda home: started)
    with pytest.raises(NoDaemon):
        open_client(home, may_start=False)
    assert capsys.readouterr().err == ""
    with open_client(home, may_start=True) as client:
        assert client is started
    assert capsys.readouterr().err == "rhctl: starting the daemon\n"


class Manager:
    """A service manager that keeps the service of every home; it starts nothing."""

    def __init__(self, problem: HarnessError | None = None) -> None:
        self.problem = problem
        self.launched = 0

    def check(self) -> None:
        """Be there."""

    def launch(self) -> None:
        """Note it, or fail."""
        self.launched += 1
        if self.problem is not None:
            raise self.problem


async def test_an_installed_service_is_started_rather_than_a_daemon_beside_it(
    daemon: Running, daemon_is: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon_is("exit 1")
    manager = Manager()
    monkeypatch.setattr(managers, "find_service", lambda home: manager)
    client = await trio.to_thread.run_sync(start_daemon, daemon.home)
    client.close()
    assert manager.launched == 1


def test_a_service_that_does_not_start_is_told_and_nothing_started_beside_it(
    home: Home, daemon_is: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon_is(f"touch {tmp_path}/started")
    problem = HarnessError("did not start: no", code="SERVICE_FAILED", next_step="Correct it.")
    monkeypatch.setattr(managers, "find_service", lambda home: Manager(problem))
    said = run("repos", "--json")
    assert (said.code, said.refusal) == (3, "NO_DAEMON")
    assert said.json["error"]["message"] == "the service is installed, but did not start: no"
    assert said.json["error"]["next_step"] == "Correct it."
    assert not (tmp_path / "started").exists()
