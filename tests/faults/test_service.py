"""The service under a real systemd user manager; and starts, raced and killed without end."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from rhctl.managers.unit_files import SYSTEMD_UNITS
from rhwire.home import Home
from rhwire.lock import ask_lock
from tests.support import killed_starts
from tests.support.daemons import READY_WITHIN_S
from tests.support.serving_load import Load
from tests.support.start_race import race
from tests.support.usermanager import ROOT, NoManager, UserManager, user_manager

pytestmark = pytest.mark.timeout(1200)

RESTARTS, CLIENTS, CALLS_PER_S = 100, 25, 50
RACES, RANDOM_KILLS = 200, 400

GRANT = """
import sqlite3, sys
from tests.support.made_grants import save_grant
with sqlite3.connect(sys.argv[1]) as connection:
    (repo,) = connection.execute("SELECT id FROM repos").fetchone()
    print(save_grant(connection, {repo: ["planner"]})[1])
"""


@pytest.fixture
def manager() -> Iterator[UserManager]:
    """A manager of a user who has nothing yet."""
    try:
        with user_manager() as manager:
            yield manager
    except NoManager as reason:
        pytest.skip(str(reason))


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def installed(manager: UserManager, port: int) -> UserManager:
    """The manager, with the service installed and running."""
    answer = manager.ask("service", "install", "--port", str(port))
    assert answer["url"] == f"http://127.0.0.1:{port}"
    return manager


def health(port: int) -> Any:
    """Ask the HTTP port as any client would; it may have to be started for that."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
        return json.load(answer)


def wait_until(what: Callable[[], bool], within_s: float = 30) -> None:
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


# Running.


def test_it_is_ready_once_it_serves_and_says_what_it_does(installed: UserManager, port: int) -> None:
    assert [installed.show("ActiveState", unit) for unit in SYSTEMD_UNITS] == ["active"] * 3
    assert [installed.show("UnitFileState", unit) for unit in SYSTEMD_UNITS] == ["enabled"] * 3
    assert installed.show("StatusText") == f"serving 0 repositories on http://127.0.0.1:{port}"
    assert installed.show("NRestarts") == "0"
    assert health(port)["status"] == "ok"
    found = installed.ask("status")["daemon"]
    assert str(found["pid"]) == installed.show("MainPID")


@pytest.mark.parametrize("by", ["http", "control"])
def test_the_first_connection_starts_it(installed: UserManager, port: int, by: str) -> None:
    installed.systemctl("stop", "rhd.service")
    assert installed.show("ActiveState") == "inactive"
    if by == "http":
        assert health(port)["status"] == "ok"
    else:
        assert installed.ask("repos") == {"repos": []}
    assert installed.wait_for("ActiveState", "active") == "active"


def test_asking_for_its_status_does_not_start_it(installed: UserManager) -> None:
    installed.systemctl("stop", "rhd.service")
    assert installed.ask("service", "status")["service"] == "inactive"
    assert installed.rhctl("status", "--json").returncode == 3
    assert installed.show("ActiveState") == "inactive"


def test_a_stop_closes_the_sockets_too_and_a_start_opens_them(installed: UserManager, port: int) -> None:
    assert installed.rhctl("service", "stop").stdout == "the systemd service has stopped\n"
    with pytest.raises(OSError, match="refused"):
        health(port)
    assert not os.path.lexists(installed.home / ".local/state/repo-harness/rhd.sock")
    installed.ask("service", "start")
    assert health(port)["status"] == "ok"


def test_adopting_and_writing_work_under_the_unit_s_restrictions(installed: UserManager, tmp_path: Path) -> None:
    repository = installed.home / "project"
    assert installed.run("git", "init", "--quiet", str(repository)).returncode == 0
    installed.ask("adopt", str(repository))
    assert (repository / "AGENTS.md").stat().st_mode & 0o777 == 0o644
    assert (repository / ".repo-harness").stat().st_mode & 0o777 == 0o700
    assert installed.ask("repos")["repos"][0]["slug"] == "project"


# Failing.


def pid_of(manager: UserManager) -> int:
    return int(manager.show("MainPID"))


def tell(manager: UserManager, number: int) -> None:
    manager.run("kill", f"-{number}", manager.show("MainPID"))


def test_a_kill_costs_a_second_and_no_request(installed: UserManager, port: int) -> None:
    pids = {pid_of(installed)}
    for _ in range(3):
        tell(installed, signal.SIGKILL)
        assert health(port)["status"] == "ok"
        pids.add(pid_of(installed))
    assert len(pids) == 4


def test_a_loop_that_stalls_is_ended_by_the_watchdog_and_started_again(installed: UserManager, port: int) -> None:
    stalling = f'ExecStart=\nExecStart="{sys.executable}" -P -m tests.support.stalling\n'
    path = f'Environment="PYTHONPATH={ROOT}/daemon:{ROOT}/ctl:{ROOT}"\n'
    installed.drop_in(f"[Service]\n{stalling}{path}WatchdogSec=2\n")
    installed.systemctl("daemon-reload")
    installed.ask("service", "restart")
    time.sleep(5)  # more than twice the watchdog's time: a loop that lives feeds it
    assert installed.show("NRestarts") == "0"
    before = pid_of(installed)
    tell(installed, signal.SIGUSR1)
    installed.wait_for("NRestarts", "1")
    assert health(port)["status"] == "ok"
    assert pid_of(installed) != before


def test_a_reload_takes_settings_over_without_a_restart(installed: UserManager, port: int) -> None:
    before = pid_of(installed)
    config = installed.home / ".config/repo-harness/config.toml"
    config.write_text(f'port = {port}\npublic_url = "https://harness.example"\n')
    installed.systemctl("reload", "rhd.service")
    wait_until(lambda: "reloaded public_url=https://harness.example" in installed.log)
    config.write_text("port = [\n")
    installed.systemctl("reload", "rhd.service")
    wait_until(lambda: installed.show("StatusText").startswith("reload refused: "))
    assert (installed.show("ActiveState"), pid_of(installed)) == ("active", before)
    assert health(port)["status"] == "ok"


def test_what_cannot_start_is_given_up_after_five_times_and_says_why(installed: UserManager, port: int) -> None:
    home = installed.home / ".local/state/repo-harness"
    installed.systemctl("stop", "rhd.service")
    home.chmod(0o755)
    with suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30)
    installed.wait_for("ActiveState", "failed")
    # The good start of a moment ago counts.
    assert installed.log.count("is open to others (mode 0755)") == 4
    found = installed.ask("service", "status")
    assert "is open to others" in found["problem"]
    refused = installed.rhctl("service", "start")
    assert refused.returncode == 1
    assert "is open to others" in refused.stderr
    home.chmod(0o700)
    installed.ask("service", "start")
    assert health(port)["status"] == "ok"


# Installing.


def test_a_detached_daemon_is_drained_and_replaced(manager: UserManager, port: int) -> None:
    detached = manager.ask("service", "start", "--port", str(port))["pid"]
    answer = manager.ask("service", "install")
    assert answer["url"] == f"http://127.0.0.1:{port}"
    assert answer["pid"] != detached
    assert str(answer["pid"]) == manager.show("MainPID")
    assert manager.ask("service", "install")["steps"] == []


def test_another_port_is_another_socket(installed: UserManager, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        other = sock.getsockname()[1]
    assert installed.ask("service", "restart", "--port", str(other))["url"].endswith(f":{other}")
    assert health(other)["status"] == "ok"
    with pytest.raises(OSError, match="refused"):
        health(port)


def test_a_socket_that_somebody_stopped_is_open_again_after_a_restart(installed: UserManager, port: int) -> None:
    installed.systemctl("stop", "rhd-http.socket")
    installed.ask("service", "restart")
    assert [installed.show("ActiveState", unit) for unit in SYSTEMD_UNITS] == ["active"] * 3
    assert health(port)["status"] == "ok"


def test_uninstalling_leaves_nothing_but_the_data(installed: UserManager, port: int) -> None:
    answer = installed.ask("service", "uninstall")
    assert all(installed.run("test", "-e", place).returncode == 0 for place in answer["kept"].values() if place)
    units = installed.home / ".config/systemd/user"
    left = [path for path in units.rglob("*") if path.is_file() or path.is_symlink()]
    assert {path.parent.name for path in left} == {"rhd.service.d"}  # what its user has added
    assert installed.systemctl("list-units", "--all", "--plain", "--no-legend", "rhd*") == ""
    with pytest.raises(OSError, match="refused"):
        health(port)
    assert installed.ask("service", "install", "--port", str(port))["pid"]


def test_an_installed_wheel_installs_its_own_units(manager: UserManager, port: int, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(manager.home / "wheel")
    for path in [manager.home / "wheel", *(manager.home / "wheel").rglob("*")]:
        path.chmod(0o755)
    wheel = str(manager.home / "wheel")
    answer = manager.ask("service", "install", "--port", str(port), PYTHONPATH=wheel)
    assert f"PYTHONPATH={wheel}" in manager.show("Environment")
    assert str(answer["pid"]) == manager.show("MainPID")
    assert health(port)["status"] == "ok"


# Restarting.


def adopt_and_grant(manager: UserManager) -> str:
    """Return a token with which one repository's artifacts may be read."""
    repository = manager.home / "project"
    assert manager.run("git", "init", "--quiet", str(repository)).returncode == 0
    manager.ask("adopt", str(repository))
    database = json.loads((manager.home / ".local/state/repo-harness/home.json").read_text())["database"]
    manager.ask("service", "stop")
    granted = manager.run(sys.executable, "-c", GRANT, database)
    assert granted.returncode == 0, granted.stderr
    manager.ask("service", "start")
    return granted.stdout.strip()


@pytest.mark.timeout(3600)
async def test_a_hundred_restarts_under_load_fail_no_call(
    installed: UserManager, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading an artifact through OAuth, fifty times a second; clients reconnect only where a close was announced."""
    monkeypatch.setattr("tests.support.serving_client.PATIENCE_S", 60.0)  # as clients of MCP have it
    installed.drop_in("[Unit]\nStartLimitIntervalSec=0\n")
    installed.systemctl("daemon-reload")
    token = adopt_and_grant(installed)
    call = {"name": "read_workflow_file", "arguments": {"path": "AGENTS.md"}}
    load = Load(
        port,
        "/mcp",
        {
            "host": f"127.0.0.1:{port}",
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        },
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode(),
        wanted=b'"revision"',
    )
    pids, longest = set(), 0.0
    async with trio.open_nursery() as clients:
        for _ in range(CLIENTS):
            clients.start_soon(load.call_for_ever, CLIENTS / CALLS_PER_S)
        for _ in range(RESTARTS):
            served = load.answers + CLIENTS  # or a busy machine would only ever start daemons
            with trio.fail_after(60):
                while load.answers < served:
                    await trio.sleep(0.01)
            await trio.sleep(random.uniform(0, 0.5))
            begun = time.monotonic()
            await trio.to_thread.run_sync(installed.systemctl, "restart", "rhd.service")
            longest = max(longest, time.monotonic() - begun)
            pids.add(await trio.to_thread.run_sync(pid_of, installed))
        clients.cancel_scope.cancel()
    with capsys.disabled():
        print(
            f"\n{len(pids)} restarts under systemd, {load.answers} calls, {load.endings} connections told to end, "
            f"{len(load.failures)} failures, longest restart {longest:.2f} s, slowest call {load.longest_s:.2f} s"
        )
    assert Counter(load.failures) == {}
    assert len(pids) == RESTARTS
    assert load.answers > RESTARTS * 10
    assert "Traceback" not in installed.log


# Starting, without a service manager.


@pytest.mark.timeout(3600)
def test_of_two_that_start_at_once_one_lives_two_hundred_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(str(tmp_path / "home"))
    for number in range(RACES):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(tmp_path / f"notify-{number}"))
            notify.settimeout(READY_WITHIN_S)
            loser, winner = race(tmp_path / "home", notify)
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
                assert ask_lock(home.lock) == winner.pid
                assert loser == (
                    1,
                    f"rhd: process {winner.pid} already serves {home.base}. {loser.next_step}\n",
                )
            finally:
                # Well or badly, in turns: the next two are to find both.
                winner.send_signal(signal.SIGTERM if number % 2 else signal.SIGKILL)
                winner.communicate(timeout=20)
    with capsys.disabled():
        print(f"\n{RACES} races, one winner each")


def test_a_start_that_was_killed_anywhere_stops_no_later_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = killed_starts.run(tmp_path, stride=1, kills=RANDOM_KILLS)
    with capsys.disabled():
        print(
            f"\nkilled before each of {len(found['first'])} calls of a first start and {len(found['later'])} of a "
            f"later one, and {found['hit']} times at random: every next start served"
        )
    for needed in ("os.mkdir", "fcntl.fcntl", "os.truncate", "socket.bind", "os.rename", "sqlite3.connect"):
        assert needed in found["first"]
    assert found["hit"] > RANDOM_KILLS / 4
