"""`rhctl service`, played against a systemd and a launchd that are not there; the real ones are in tests/faults."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhctl.commands import service
from rhctl.managers.unit_files import SYSTEMD_UNITS
from rhwire.home import Home
from rhwire.lock import ask_lock
from tests.support import lock_holder
from tests.support.fake_service_managers import FakeLaunchd, FakeSystemd
from tests.support.terminal import run

STOP = "stop rhd.service rhd.socket rhd-http.socket"
START = "start rhd.service rhd.socket rhd-http.socket"
RESET = "reset-failed rhd.service rhd.socket rhd-http.socket"
ENABLE = "enable rhd.service rhd.socket rhd-http.socket"

# A daemon that the client has detached outlives it; here, client and test are one process.
STILL_RUNS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The default home of the user who runs this."""
    return Home.find(None, os.environ)


@pytest.fixture
def port() -> int:
    """A port that no program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def detached(home: Home, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that serves the home without being the service."""
    process = lock_holder.start(home, port + 1 if port < 65535 else port - 1)
    yield process
    process.kill()
    process.wait(10)


def ask(*words: str) -> Any:
    """Return the JSON that a command answers with; it must succeed."""
    said = run("service", *words, "--json")
    assert said.code == 0, said
    return said.json


def install(port: int) -> Any:
    return ask("install", "--port", str(port))


# Installing.


def test_it_is_installed_enabled_started_and_answered_for(systemd: FakeSystemd, home: Home, port: int) -> None:
    said = run("service", "install", "--port", str(port))
    assert said.code == 0, said.err
    assert systemd.files.keys() == set(SYSTEMD_UNITS) == systemd.enabled == systemd.active
    assert f"ListenStream={home.socket}\n" in systemd.files["rhd.socket"]
    assert f"ListenStream=127.0.0.1:{port}\n" in systemd.files["rhd-http.socket"]
    assert f'Environment="PATH={os.environ["PATH"].split(":")[0]}:' in systemd.files["rhd.service"]
    assert said.out.splitlines() == [
        f"the systemd service is installed and runs (process {systemd.service.pid})",
        f"  url    http://127.0.0.1:{port}/mcp",
        f"  files  {Path(os.environ['HOME'], '.config/systemd/user')}",
        "  log    journalctl --user -u rhd -f",
    ]


def test_everything_can_be_repeated_without_harm(systemd: FakeSystemd, port: int) -> None:
    first = install(port)
    done = len(systemd.calls)
    again = install(port)
    assert again["steps"] == []
    assert again["pid"] == first["pid"]
    assert ask("start")["steps"] == []
    assert systemd.calls[done:] == []
    assert "already" in run("service", "install").out
    assert "already" in run("service", "start").out
    assert [step["command"][2] for step in ask("stop")["steps"]] == ["stop"]
    assert ask("stop")["steps"] == []
    assert run("service", "stop").out.splitlines()[:2] == ["no daemon is running", "Your data stays:"]
    assert ask("uninstall")["steps"] != []
    assert ask("uninstall")["steps"] == []
    assert run("service", "uninstall").out.splitlines()[:2] == ["no service is installed", "Your data stays:"]


@pytest.mark.parametrize("action", ["install", "start", "stop", "restart", "uninstall"])
def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    systemd: FakeSystemd, detached: subprocess.Popen[bytes], port: int, tmp_path: Path, action: str
) -> None:
    before = sorted(path for path in Path.home().rglob("*"))
    words = ("--port", str(port)) if action in ("install", "restart") else ()
    said = run("service", action, *words, "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert systemd.calls == []
    assert sorted(path for path in Path.home().rglob("*")) == before
    assert detached.poll() is None
    if action in ("start", "uninstall"):
        assert said.out == "there is nothing to do\n"
    else:
        assert f"let process {detached.pid} drain and end" in said.out
    if action == "install":
        units = Path.home() / ".config/systemd/user"
        shown = [line for line in said.out.splitlines() if line and not line.startswith(" ")]
        assert shown == [
            f"record port = {port} in the settings file",
            *(f"write {units / name}" for name in SYSTEMD_UNITS),
            "run systemctl --user daemon-reload",
            f"run systemctl --user {ENABLE}",
            f"let process {detached.pid} drain and end",
            f"run systemctl --user {RESET}",
            f"run systemctl --user {START}",
        ]
        assert f"    ListenStream=127.0.0.1:{port}" in said.out.splitlines()


def test_a_detached_daemon_is_drained_before_the_service_takes_over(
    systemd: FakeSystemd, detached: subprocess.Popen[bytes], home: Home, port: int
) -> None:
    assert run("service", "status").out.splitlines()[1] == f"daemon   process {detached.pid}, detached"
    answer = install(port)
    assert detached.wait(10) == 0  # it ended by itself, rather than by a signal's force
    assert answer["pid"] == systemd.service.pid == ask_lock(home.lock)
    assert [step["do"] for step in answer["steps"]][-3:] == ["end", "run", "run"]


def test_a_detached_daemon_beside_the_service_gives_way_at_a_restart(
    systemd: FakeSystemd, home: Home, port: int
) -> None:
    install(port)
    ask("stop")
    process = lock_holder.start(home, port)
    refused = run("service", "start", "--json")
    assert (refused.code, refused.refusal) == (1, "DAEMON_RUNNING")
    assert "rhctl service restart" in refused.json["error"]["next_step"]
    assert "not the service's" in run("service", "status").out
    assert ask("status")["next_step"] == "Let the service take over: rhctl service restart"
    answer = ask("restart")
    assert process.wait(10) == 0
    assert answer["pid"] == systemd.service.pid


def test_a_second_home_is_refused_while_another_is_installed(
    systemd: FakeSystemd, home: Home, port: int, tmp_path: Path
) -> None:
    install(port)
    done = len(systemd.calls)
    other = str(tmp_path / "other")
    refused = run("service", "install", "--home", other, "--json")
    assert (refused.code, refused.refusal) == (1, "SERVICE_INSTALLED")
    assert home.base in refused.json["error"]["message"]
    assert refused.json["error"]["next_step"].endswith(f"rhctl service uninstall --home {home.base}")
    assert ask("uninstall", "--home", other)["steps"] == []
    assert systemd.calls[done:] == []
    found = ask("status", "--home", other)
    assert (found["installed"], found["installed_home"]) == (False, home.base)


def test_without_a_home_the_one_that_is_installed_is_meant(systemd: FakeSystemd, tmp_path: Path, port: int) -> None:
    other = str(tmp_path / "other")
    assert ask("install", "--home", other, "--port", str(port))["home"] == other
    assert f'"--home" "{other}"' in systemd.files["rhd.service"]
    assert ask("status")["home"] == other
    assert ask("uninstall")["kept"]["home"] == other


def test_a_port_of_somebody_else_is_refused_before_anything_is_done(systemd: FakeSystemd, home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        refused = run("service", "install", "--port", str(sock.getsockname()[1]), "--json")
    assert (refused.code, refused.refusal) == (1, "PORT_IN_USE")
    assert (systemd.calls, systemd.files) == ([], {})
    assert not os.path.exists(home.base)


def test_units_of_somebody_else_are_left_alone(systemd: FakeSystemd, tmp_path: Path) -> None:
    folder = Path.home() / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "rhd.service").write_text("[Service]\nExecStart=/usr/bin/resource-hog-daemon\n")
    for action in ("install", "uninstall", "status"):
        refused = run("service", action, "--json")
        assert (refused.code, refused.refusal) == (1, "SERVICE_INSTALLED")
    assert systemd.files.keys() == {"rhd.service"}


def test_who_would_lose_the_service_at_logout_is_told_the_command(
    systemd: FakeSystemd, port: int, tmp_path: Path
) -> None:
    for file in (tmp_path / "linger").iterdir():
        file.unlink()
    said = run("service", "install", "--port", str(port))
    assert "loginctl enable-linger" in said.out
    found = ask("status")
    assert found["lingers"] is False
    assert found["next_step"].endswith("loginctl enable-linger")


def test_a_service_that_cannot_start_says_why_in_its_own_words(systemd: FakeSystemd, port: int) -> None:
    systemd.service.problem = "the folder /h is open to others (mode 0755)"
    refused = run("service", "install", "--port", str(port), "--json")
    assert (refused.code, refused.refusal) == (1, "SERVICE_FAILED")
    assert "is open to others" in refused.json["error"]["message"]
    assert "journalctl" in refused.json["error"]["next_step"]
    assert "is open to others" in ask("status")["problem"]
    systemd.service.problem = None
    assert ask("start")["pid"] == systemd.service.pid
    assert ask("status")["problem"] is None


# Restarting.


def test_a_restart_leaves_the_sockets_open(systemd: FakeSystemd, port: int) -> None:
    before = install(port)["pid"]
    done = len(systemd.calls)
    assert ask("restart")["pid"] == systemd.service.pid != before
    assert systemd.calls[done:] == [RESET, "start rhd.socket rhd-http.socket", "restart rhd.service"]


@pytest.mark.parametrize("action", ["restart", "install", "start"])
def test_another_port_is_recorded_and_its_socket_unit_rewritten(
    systemd: FakeSystemd, home: Home, port: int, action: str
) -> None:
    install(port)
    done = len(systemd.calls)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        other = sock.getsockname()[1]
    answer = ask(action, "--port", str(other))
    assert answer["url"] == f"http://127.0.0.1:{other}"
    written = [os.path.basename(step["path"]) for step in answer["steps"] if step["do"] == "write"]
    assert written == ["rhd-http.socket"]
    assert f"ListenStream=127.0.0.1:{other}\n" in systemd.files["rhd-http.socket"]
    assert systemd.calls[done:] == ["daemon-reload", STOP, RESET, START]
    assert ask("status")["url"] == f"http://127.0.0.1:{other}"
    assert ask("status")["problem"] is None


def test_settings_that_name_another_port_are_seen_and_taken_over_at_a_restart(
    systemd: FakeSystemd, home: Home, port: int
) -> None:
    install(port)
    other = port + 1 if port < 65535 else port - 1
    config = Path(os.environ["HOME"], ".config/repo-harness/config.toml")
    config.write_text(f"port = {other}\n")
    found = ask("status")
    assert f"127.0.0.1:{other}" in found["problem"]
    assert "rhctl service restart" in found["next_step"]
    ask("restart")
    assert f"ListenStream=127.0.0.1:{other}\n" in systemd.files["rhd-http.socket"]


def test_a_socket_that_somebody_stopped_is_open_again_after_a_restart(systemd: FakeSystemd, port: int) -> None:
    """systemd opens no socket of a service that runs."""
    install(port)
    systemd.active.discard("rhd-http.socket")
    found = ask("status")
    assert (found["sockets"], found["next_step"]) == ("inactive", "Open its sockets again: rhctl service restart")
    ask("restart")
    assert systemd.active == set(SYSTEMD_UNITS)


# Uninstalling.


def test_uninstalling_leaves_the_data_and_says_where(systemd: FakeSystemd, home: Home, port: int) -> None:
    install(port)
    said = run("service", "uninstall")
    assert systemd.files == {}
    assert systemd.enabled == set()
    assert systemd.service.pid is None
    lines = said.out.splitlines()
    assert lines[:2] == ["the systemd service is uninstalled", "Your data stays:"]
    kept = dict(line.split(maxsplit=1) for line in lines[2:])
    assert kept == {"home": home.base, "config": str(Path(os.environ["HOME"], ".config/repo-harness/config.toml"))}
    assert all(os.path.exists(place) for place in kept.values())


def test_units_can_be_removed_though_the_manager_is_gone(
    systemd: FakeSystemd, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(port)
    ask("stop")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr("rhctl.managers.systemd.RUNTIMES", str(tmp_path / "gone"))
    links = Path.home() / ".config/systemd/user/default.target.wants"
    links.mkdir()
    (links / "rhd.service").symlink_to("../rhd.service")
    ask("uninstall")
    assert systemd.files == {}
    assert list(links.iterdir()) == []


# Without a service manager.


def test_without_systemd_that_is_said_and_a_detached_daemon_offered(no_manager: None, home: Home) -> None:
    refused = run("service", "install", "--json")
    assert (refused.code, refused.refusal) == (1, "SERVICE_UNAVAILABLE")
    assert "container" in refused.json["error"]["message"]
    assert "rhctl service start" in refused.json["error"]["next_step"]
    assert ask("status")["next_step"] == "Start a detached daemon with: rhctl service start"
    assert "no service manager can be reached here" in run("service", "status").out


def test_a_dry_run_shows_the_units_all_the_same_and_that_they_cannot_be_installed_here(
    no_manager: None, home: Home, port: int
) -> None:
    said = run("service", "install", "--dry-run", "--port", str(port))
    assert (said.code, said.err) == (0, "")
    for name in SYSTEMD_UNITS:
        assert f"write {Path.home() / '.config/systemd/user' / name}" in said.out
    assert f"ListenStream=127.0.0.1:{port}" in said.out
    assert "note: this only shows the files; they cannot be installed here: systemd does not run" in said.out
    assert not (Path.home() / ".config/systemd").exists()


def test_stop_says_where_the_data_is(no_manager: None, home: Home) -> None:
    home.prepare()
    (Path(home.base) / "home.json").write_text("{}")
    assert run("service", "stop").out.splitlines() == [
        "no daemon is running",
        "Your data stays:",
        f"  home     {home.base}",
    ]


def test_in_wsl_the_switch_that_turns_systemd_on_is_named(no_manager: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhctl.managers.systemd._is_wsl", lambda: True)
    refused = run("service", "install", "--json").json["error"]
    assert "WSL" in refused["message"]
    assert "/etc/wsl.conf" in refused["next_step"]


@STILL_RUNS
def test_a_detached_daemon_is_started_restarted_and_stopped(no_manager: None, home: Home, port: int) -> None:
    said = run("service", "start", "--port", str(port))
    assert said.code == 0, said.err
    pid = ask_lock(home.lock)
    assert said.out.splitlines() == [
        f"the detached daemon runs (process {pid})",
        f"  url    http://127.0.0.1:{port}/mcp",
        f"  log    tail -f {home.log}",
        "note: this daemon lives until the machine restarts",
    ]
    assert ask("start")["steps"] == []
    assert ask("status")["pid"] == pid
    assert ask("restart")["pid"] == ask_lock(home.lock) != pid
    assert run("service", "stop").out.splitlines()[:2] == ["the detached daemon has stopped", "Your data stays:"]
    assert ask_lock(home.lock) is None


@STILL_RUNS
def test_where_a_service_could_be_installed_that_is_said_too(systemd: FakeSystemd, home: Home, port: int) -> None:
    assert "to have it kept: rhctl service install" in run("service", "start", "--port", str(port)).out
    ask("stop")


def test_a_port_that_differs_is_not_silently_ignored(
    no_manager: None, detached: subprocess.Popen[bytes], port: int
) -> None:
    refused = run("service", "start", "--port", str(port), "--json")
    assert (refused.code, refused.refusal) == (1, "DAEMON_RUNNING")
    assert f"rhctl service restart --port {port}" in refused.json["error"]["next_step"]


# launchd.


def test_an_agent_is_installed_restarted_moved_and_uninstalled(
    launchd: FakeLaunchd, detached: subprocess.Popen[bytes], home: Home, port: int, tmp_path: Path
) -> None:
    file = Path.home() / "Library/LaunchAgents/dev.repo-harness.rhd.plist"
    agent = "gui/dev.repo-harness.rhd"
    first = install(port)
    assert detached.wait(10) == 0
    assert file.stat().st_mode & 0o777 == 0o644
    assert launchd.calls == [f"enable {agent}", f"bootstrap gui {file}", f"kickstart {agent}"]
    assert (first["manager"], first["pid"], first["files"]) == ("launchd", launchd.service.pid, [str(file)])
    assert first["log"] == f"tail -f {home.log}"
    assert install(port)["steps"] == []

    launchd.calls.clear()
    assert ask("restart")["pid"] == launchd.service.pid != first["pid"]
    assert launchd.calls == [f"kickstart {agent}"]

    launchd.calls.clear()
    other = port + 1 if port < 65535 else port - 1
    assert ask("restart", "--port", str(other))["url"].endswith(f":{other}")
    assert launchd.calls == [f"bootout {agent}", f"bootstrap gui {file}", f"kickstart {agent}"]
    assert f"<string>{other}</string>" in file.read_text()

    found = ask("status")
    assert (found["manager"], found["enabled"], found["service"], found["lingers"]) == ("launchd", True, "active", None)
    assert found["next_step"] is None
    ask("stop")
    assert ask("status")["sockets"] == "inactive"
    assert ask("uninstall")["kept"]["home"] == home.base
    assert not file.exists()
    assert ask("uninstall")["steps"] == []


def test_without_a_session_launchd_is_refused_with_what_helps(launchd: FakeLaunchd) -> None:
    launchd.has_session = False
    refused = run("service", "install", "--json")
    assert (refused.code, refused.refusal) == (1, "SERVICE_UNAVAILABLE")
    assert "Log in" in refused.json["error"]["next_step"]


# The command line.


@pytest.mark.parametrize(
    "words", [(), ("reinstall",), ("stop", "--port", "1"), ("install", "--port", "0"), ("install", "--port", "x")]
)
def test_what_is_not_understood_is_a_usage_error(systemd: FakeSystemd, words: tuple[str, ...]) -> None:
    assert run("service", *words).code == 2
    assert systemd.calls == []


def test_the_help_has_a_line_for_each_action() -> None:
    lines = service.build_parser().format_help().splitlines()
    for action in service.ACTIONS:
        assert sum(line.startswith(f"  {action} ") for line in lines) == 1, action
