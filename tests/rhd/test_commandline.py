"""The command line of `rhd`, in this process: what it refuses, what it prints, and one whole life."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhctl.client import DaemonClient
from rhd.commandline import main
from rhwire.home import Home
from rhwire.lock import ask_lock, take_lock
from rhwire.version import VERSION


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home"))


@pytest.fixture
def logging_untouched() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("rhd")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run it; it must refuse with one line on standard error, which is returned."""
    assert main(words) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("rhd: ")
    return line


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return json.loads(said.out)


@pytest.mark.parametrize("words", [["--bogus"], ["extra"], ["--doctor", "--settings"], ["--hom", "x"], ["--port"]])
def test_words_that_mean_nothing_are_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: rhd" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "example:\n  rhd --port 9000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "a port from 1 to 65535"),
        (["--host", "0.0.0.0"], "reachable from other machines"),
        (["--host", "a b"], "a host name or address"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(
    home: Home, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in refused(capsys, "--home", home.base, *words)
    assert ask_lock(home.lock) is None, "the one that was refused holds nothing"


@pytest.mark.parametrize("text", ["port = ", "prot = 1", "port = '1 2'", "\x00"])
def test_a_settings_file_that_cannot_be_used_is_refused(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "own.toml").write_text(text)
    refused(capsys, "--home", home.base, "--config", str(tmp_path / "own.toml"))


def test_of_two_daemons_the_second_says_who_serves(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.prepare()
    lock = take_lock(home.lock)
    try:
        code = (
            "import sys; from rhd.commandline import main; code = main(sys.argv[1:]);"
            "sys.exit(code if 'trio' not in sys.modules else 99)"
        )
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", code, "--home", home.base],
            {**os.environ, "PYTHONPATH": "daemon:ctl"},
            file_actions=[(os.POSIX_SPAWN_OPEN, 2, str(home.base) + "/said", os.O_CREAT | os.O_WRONLY, 0o600)],
        )
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1, "and before anything large is imported"
        assert str(os.getpid()) in Path(home.base, "said").read_text()
    finally:
        os.close(lock)


def test_a_port_that_is_taken_is_refused_and_everything_let_go(
    home: Home, capsys: pytest.CaptureFixture[str], logging_untouched: None
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert port in refused(capsys, "--home", home.base, "--port", port)
    assert ask_lock(home.lock) is None
    assert not os.path.lexists(home.socket)


def test_settings_are_shown_with_where_they_come_from_and_nothing_is_made(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_HARNESS_LOG_LEVEL", "debug")
    found = shown(capsys, "--home", home.base, "--port", "9000", "--settings")
    assert found["config"] == f"{home.base}/config.toml"
    assert found["database"] == f"{home.base}/rhd.sqlite3"
    assert found["settings"]["port"] == {"value": 9000, "origin": "flag", "reloads": False}
    assert found["settings"]["log_level"] == {"value": "debug", "origin": "environment", "reloads": True}
    assert found["settings"]["host"] == {"value": "127.0.0.1", "origin": "default", "reloads": False}
    assert not os.path.exists(home.base)


def test_a_setting_is_recorded_and_taken_out_again(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, "--home", home.base, "--settings", "public_url=https://RH.example.com/")
    assert found["settings"]["public_url"] == {"value": "https://rh.example.com", "origin": "file", "reloads": True}
    found = shown(capsys, "--home", home.base, "--settings")
    assert found["settings"]["public_url"]["origin"] == "file"
    assert shown(capsys, "--home", home.base, "--settings", "host=::1")["settings"]["host"]["origin"] == "file"
    assert shown(capsys, "--home", home.base, "--settings", "host=")["settings"]["host"]["origin"] == "default"
    found = shown(capsys, "--home", home.base, "--settings", "public_url=")
    assert found["settings"]["public_url"] == {"value": None, "origin": "default", "reloads": True}


@pytest.mark.parametrize("assignment", ["nothing=1", "port=high", "public_url", "=1"])
def test_what_cannot_be_recorded_is_refused_on_both_outputs(
    home: Home, capsys: pytest.CaptureFixture[str], assignment: str
) -> None:
    assert main(["--home", home.base, "--settings", assignment]) == 1
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert error["code"] == "CONFIG_INVALID"
    assert error["next_step"]
    assert said.err.startswith("rhd: ")
    assert not os.path.exists(f"{home.base}/config.toml")


def test_the_doctor_answers_though_nothing_runs(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    findings = shown(capsys, "--home", home.base, "--port", "0", "--doctor")["findings"]
    assert {finding["check"] for finding in findings} >= {"home", "daemon", "database"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_somebody_else_is_refused(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.prepare()
    os.chown(home.base, 65534, 65534)
    assert "belongs to user 65534" in refused(capsys, "--home", home.base)


def test_a_whole_life(home: Home, capsys: pytest.CaptureFixture[str], logging_untouched: None) -> None:
    """It takes the lock, serves, is told to stop, drains, and leaves nothing but its home behind."""
    seen: list[Any] = []

    def visit() -> None:
        for _ in range(4000):
            if os.path.lexists(home.socket):
                break
            never.wait(0.005)
        client = DaemonClient.connect(home)
        try:
            seen.append(client.call("version", {}))  # answered: the daemon that serves has taken the signals over
            seen.append(client.call("status", {}))
        finally:
            client.close()
            if seen:
                os.kill(os.getpid(), signal.SIGTERM)

    never = threading.Event()
    visitor = threading.Thread(target=visit)
    visitor.start()
    assert main(["--home", home.base, "--port", "0"]) == 0
    visitor.join(10)
    version, status = seen
    assert (version["version"], version["pid"]) == (VERSION, os.getpid())
    assert status["repos"] == []
    assert ask_lock(home.lock) is None
    assert not os.path.lexists(home.socket)
    assert sorted(os.listdir(home.base)) == ["home.json", "logs", "rhd.lock", "rhd.sqlite3"]
    said = capsys.readouterr().err
    assert '"logger":"rhd.app","event":"serving"' in said
    assert '"logger":"rhd.app","event":"stopping"' in said
