"""`rhctl config`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from rhctl import client_settings
from rhctl.client import DaemonClient
from rhctl.commands import config
from rhctl.errors import DaemonHangs, NoDaemon
from tests.rhctl.conftest import _ask_settings
from tests.support.inprocess import Running
from tests.support.terminal import HOSTILE, is_safe, run, type_in


@pytest.fixture
def down(no_daemon: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a daemon; its program is asked in this process."""
    monkeypatch.setattr(client_settings, "ask_settings", _ask_settings)
    return no_daemon


async def test_a_setting_is_changed_while_the_daemon_serves(daemon: Running) -> None:
    said = await type_in("config", "set", "agent_runs_a_day", "7")
    assert said.out.splitlines() == [
        f"agent_runs_a_day is recorded in {daemon.context.config_path}",
        "  7 (file), in force",
    ]
    said = await type_in("config", "show", "agent_runs_a_day")
    assert said.out.splitlines() == ["SETTING           VALUE  FROM", "agent_runs_a_day  7      file"]
    said = await type_in("config", "unset", "agent_runs_a_day")
    assert said.out.splitlines()[1] == "  20 (default), in force"


async def test_what_needs_a_restart_says_so(daemon: Running) -> None:
    said = await type_in("config", "set", "watcher", "poll")
    assert said.out.splitlines()[1] == "  It is still auto. To put poll in force: rhctl service restart"
    said = await type_in("config", "show")
    assert "watcher will be poll (file) after: rhctl service restart" in said.out.splitlines()
    assert [line.split()[0] for line in said.out.splitlines()[-3:]] == ["config", "database", "logs"]


async def test_what_wins_over_the_file_is_named(daemon: Running) -> None:
    said = await type_in("config", "set", "port", "9000")
    assert said.out.splitlines()[1] == "  0 stays in force: the flag wins over the file"


async def test_a_broken_file_is_shown_with_what_mends_it(daemon: Running) -> None:
    Path(daemon.context.config_path).write_text(f"port = {HOSTILE!r}\n".replace("'", '"').replace("\\x1b", "\\u001b"))
    said = await type_in("config", "show")
    assert is_safe(said.out)
    assert "The settings file cannot be used: " in said.out
    assert "rhctl config unset port" in said.out.splitlines()[-1]


def test_with_the_daemon_down_the_file_is_written_and_nothing_is_started(down: Path) -> None:
    said = run("config", "set", "agent_env", "OPENAI_API_KEY,HTTP_PROXY")
    assert said.out.splitlines()[1] == "  OPENAI_API_KEY, HTTP_PROXY (file), in force at the next start"
    assert 'agent_env = ["OPENAI_API_KEY", "HTTP_PROXY"]' in (down / "config.toml").read_text()
    said = run("config", "show", "--json")
    assert said.json["daemon"] == "down"
    assert said.json["settings"]["agent_env"]["origin"] == "file"
    assert "No daemon answers" in run("config", "show").out
    assert run("config", "unset", "agent_env").code == 0
    assert "agent_env" not in (down / "config.toml").read_text()


def test_a_file_that_stops_a_start_can_be_mended(down: Path) -> None:
    down.mkdir(0o700)
    (down / "config.toml").write_text("# mine\nprot = 1\n")
    said = run("config", "show")
    assert (said.code, said.out) == (1, "")
    assert "rhctl config unset prot" in said.err
    said = run("config", "unset", "prot")
    assert (said.code, said.out) == (0, f"prot is no longer set in {down}/config.toml\n")
    assert (down / "config.toml").read_text() == "# mine\n"


@pytest.mark.parametrize(("error", "state"), [(DaemonHangs(4), "hangs"), (NoDaemon("gone"), "down")])
def test_a_daemon_that_does_not_answer_keeps_nothing_from_being_recorded(
    down: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    def connect(home: Any) -> DaemonClient:
        raise error

    monkeypatch.setattr(config, "is_running", lambda home: True)
    monkeypatch.setattr(DaemonClient, "connect", connect)
    assert run("config", "set", "port", "9000", "--json").json["daemon"] == state
    when = {"hangs": "in force after: rhctl service restart", "down": "in force at the next start"}[state]
    assert run("config", "set", "port", "9000").out.splitlines()[1] == f"  9000 (file), {when}"


@pytest.mark.parametrize(
    "words",
    ["set port", "set port ''", "unset", "unset port 1", "show port 1", "list", "show color", "set a=b 1", "set"],
)
def test_what_is_not_understood_is_a_usage_error(down: Path, words: str) -> None:
    said = run("config", *shlex.split(words))
    assert (said.code, said.out) == (2, "")
    assert not down.exists()
