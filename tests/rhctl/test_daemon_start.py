"""Starting a daemon: once, detached, knowing nothing of the shell that happened to start it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

import rhwire
from rhctl import daemon_start as launch
from rhctl.daemon_start import clean_environment, daemon_command, import_path, start_detached, wait_for_daemon
from rhctl.daemon_stop import end_daemon
from rhctl.errors import NoDaemon
from rhd.errors import StartRefused
from rhwire.home import Home, HomeUnusable
from rhwire.lock import ask_lock
from tests.support.daemons import environment
from tests.support.inprocess import Running
from tests.support.terminal import run


@pytest.fixture
def home(no_daemon: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home whose daemon, if one is started, takes any port; it is ended."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    found = Home(str(no_daemon))
    found.prepare()
    Path(found.base, "config.toml").write_text("port = 0\n")
    yield found
    end_daemon(found)


@pytest.fixture
def daemon_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the daemon's place."""
    return lambda script: monkeypatch.setattr(launch, "daemon_command", lambda home: ["sh", "-c", script])


# A real one.


@pytest.mark.slow
def test_two_clients_at_once_start_one_daemon_which_knows_nothing_of_their_shells(home: Home, tmp_path: Path) -> None:
    shell = environment(OPENAI_API_KEY="secret", SSH_AUTH_SOCK="/agent", REPO_HARNESS_PORT="1", LANG="C.UTF-8")
    command = [sys.executable, "-m", "rhctl", "raw", "version", "--json"]
    clients = [
        subprocess.Popen(command, cwd=tmp_path, env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = []
    for client in clients:
        out, err = client.communicate(timeout=60)
        assert client.returncode == 0, err
        answers.append(json.loads(out)["pid"])
    pid = ask_lock(home.lock)
    assert answers == [pid, pid]
    process = Path(f"/proc/{pid}")
    if process.exists():
        variables = dict(entry.split("=", 1) for entry in (process / "environ").read_text().split("\0") if entry)
        assert set(variables) <= {*launch._KEPT, "PYTHONPATH"}
        assert variables["LANG"] == "C.UTF-8"
        assert os.readlink(process / "cwd") == "/"
        assert os.readlink(process / "fd/0") == "/dev/null"
        assert os.readlink(process / "fd/1") == os.readlink(process / "fd/2") == home.log
        assert os.getsid(int(pid or 0)) == pid  # no terminal's end is its own
    assert os.stat(home.log).st_mode & 0o777 == 0o600
    assert end_daemon(home) == pid
    assert not os.path.lexists(home.socket)


# Its command and what it may know.


def test_nothing_of_the_shell_but_what_a_daemon_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("REPO_HARNESS_PUBLIC_URL", "https://rh.example.com")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert clean_environment() == {"PATH": "/bin"}


def test_a_checkout_that_is_not_installed_is_found_by_its_daemon_too(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(launch.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", f"/elsewhere:{here}")
    assert import_path() == f"/elsewhere:{here}"
    assert clean_environment()["PYTHONPATH"] == f"/elsewhere:{here}"
    monkeypatch.setenv("PYTHONPATH", "")
    assert import_path() == ""


def test_only_a_home_that_is_not_the_default_is_named() -> None:
    command = [sys.executable, "-P", "-m", "rhd"]
    assert daemon_command(Home("/x")) == [*command, "--home", "/x"]
    assert daemon_command(Home("/x", is_default=True)) == command


# When it does not come up.


def test_without_a_recorded_reason_the_last_line_of_its_log_is_shown(
    home: Home, daemon_is: Callable[[str], None]
) -> None:
    daemon_is("echo 'a warning' >&2; echo 'ImportError: no trio' >&2; exit 1")
    said = run("repos", "--json")
    assert (said.code, said.refusal) == (3, "NO_DAEMON")
    assert said.json["error"]["message"] == "the daemon did not start: ImportError: no trio"
    assert home.log in said.json["error"]["next_step"]
    assert said.err == "rhctl: starting the daemon\n"


@pytest.mark.parametrize(("port", "other"), [(8765, 8766), (8766, 8767)])
def test_a_port_in_use_leads_to_a_command_that_takes_another(
    home: Home, daemon_is: Callable[[str], None], port: int, other: int
) -> None:
    error = StartRefused(f"port {port} of 127.0.0.1 is in use", code="PORT_IN_USE", details={"port": port})
    given = f"{error.message!r}, code='PORT_IN_USE', details={error.details}"
    script = f"from rhwire.start_report import *; write_report(Home({home.base!r}), HarnessError({given}))"
    paths = os.path.dirname(os.path.dirname(rhwire.__file__))
    daemon_is(f'PYTHONPATH={paths} {sys.executable} -c "{script}"; exit 1')
    said = run("repos", "--json")
    assert (said.code, said.refusal) == (1, "PORT_IN_USE")
    assert said.json["error"]["message"] == f"the daemon did not start: {error.message}"
    command = f"rhctl service start --home {home.base} --port {other}"
    assert said.json["error"]["next_step"] == f"Stop it, or choose another port: {command}"


@pytest.mark.slow
def test_six_clients_at_once_each_hear_that_the_port_is_taken(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        Path(home.base, "config.toml").write_text(f"port = {taken.getsockname()[1]}\n")
        command = [sys.executable, "-m", "rhctl", "repos", "--json"]
        clients = [
            subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(6)
        ]
        codes = [json.loads(client.communicate(timeout=60)[0])["error"]["code"] for client in clients]
    assert codes == ["PORT_IN_USE"] * 6


@pytest.mark.parametrize(("script", "words"), [("exit 1", "it said nothing"), ("echo bye; exit 2", "bye")])
def test_whatever_it_said_last_is_better_than_nothing(
    home: Home, daemon_is: Callable[[str], None], script: str, words: str
) -> None:
    daemon_is(script)
    with pytest.raises(NoDaemon, match=f"did not start: {words}"):
        start_detached(home)


def test_one_that_neither_serves_nor_ends_is_not_waited_for_for_ever(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "WITHIN_S", 0.1)
    with subprocess.Popen(["sleep", "60"]) as process:
        with pytest.raises(NoDaemon, match="did not start in time"):
            wait_for_daemon(home, process)
        process.kill()


def test_no_daemon_is_started_and_nothing_made_if_that_is_not_wanted(
    no_daemon: Path, daemon_is: Callable[[str], None], tmp_path: Path
) -> None:
    daemon_is(f"touch {tmp_path}/started")
    for words in (("repos",), ("adopt", "."), ("events", "-f"), ("setup", "codex")):
        said = run(*words, "--no-start", "--json")
        assert (said.code, said.refusal) == (3, "NO_DAEMON")
    said = run("mcp", "serve", "--transport", "http", "--no-start", program="repo-harness")
    assert said.code == 3
    assert not no_daemon.exists()
    assert not (tmp_path / "started").exists()


def test_a_home_that_is_not_ours_alone_is_refused(home: Home, daemon_is: Callable[[str], None]) -> None:
    daemon_is("exit 1")
    os.chmod(home.base, 0o755)
    said = run("repos", "--json")
    assert (said.code, said.refusal) == (1, "FOLDER_NOT_OURS")
    os.chmod(home.base, 0o700)


# Its log.


def test_a_log_that_has_grown_is_put_aside_once(home: Home, daemon_is: Callable[[str], None]) -> None:
    Path(home.log).write_text("x" * (launch.MAX_LOG_BYTES + 1))
    daemon_is("echo new; exit 1")
    with pytest.raises(NoDaemon):
        start_detached(home)
    assert Path(home.log).read_text() == "new\n"
    assert Path(home.log + ".1").stat().st_size == launch.MAX_LOG_BYTES + 1


def test_a_log_is_not_written_through_a_link(home: Home, daemon_is: Callable[[str], None], tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", home.log)
    daemon_is("echo new; exit 1")
    with pytest.raises(HomeUnusable):
        start_detached(home)
    assert not (tmp_path / "elsewhere").exists()


# Where a daemon serves, or a service is installed.


async def test_one_that_serves_meanwhile_is_joined(daemon: Running, daemon_is: Callable[[str], None]) -> None:
    daemon_is("exit 1")
    client = await trio.to_thread.run_sync(start_detached, daemon.home)
    client.close()
