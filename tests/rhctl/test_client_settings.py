"""The settings, asked of the daemon's own program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rhctl import client_settings as settings
from rhctl.client_settings import ask_settings
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support.daemons import environment


@pytest.fixture
def home(no_daemon: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that does not exist yet; the daemon's program can be run."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    return Home(str(no_daemon))


@pytest.fixture
def rhd(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program of one line in the daemon's place."""

    def replace(code: str) -> None:
        monkeypatch.setattr(settings, "daemon_command", lambda home: [sys.executable, "-S", "-c", code])

    return replace


def test_asking_changes_nothing_and_recording_is_in_force_from_then_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_HARNESS_PORT", "9999")  # of this shell, not of a service's
    answer = ask_settings(home)
    assert set(answer) == {"config", "database", "logs", "settings"}
    assert answer["settings"]["port"] == {"value": 8765, "origin": "default", "reloads": False}
    assert not Path(home.base).exists()
    answer = ask_settings(home, "port=9001")
    assert answer["settings"]["port"] == {"value": 9001, "origin": "file", "reloads": False}
    assert "port = 9001\n" in Path(answer["config"]).read_text()


def test_a_value_that_cannot_be_used_is_refused_with_the_daemon_s_own_words(home: Home) -> None:
    with pytest.raises(HarnessError, match="port") as refused:
        ask_settings(home, "port=none")
    assert refused.value.code == "CONFIG_INVALID"
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no module named rhd')", "rhd cannot be run: no module named rhd"),
        ("", "rhd cannot be run: it said nothing"),
        ("print('not json')", "rhd cannot be run: it said nothing"),
    ],
)
def test_a_daemon_that_cannot_be_run_is_told_with_its_last_words(
    home: Home, rhd: Callable[[str], None], code: str, words: str
) -> None:
    rhd(code)
    with pytest.raises(HarnessError) as refused:
        ask_settings(home)
    assert (refused.value.code, refused.value.message) == ("INTERNAL", words)
    assert "Install repo-harness again" in refused.value.next_step


def test_one_that_does_not_answer_is_not_waited_for_for_ever(
    home: Home, rhd: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ANSWER_WITHIN_S", 0.2)
    rhd("import signal; signal.pause()")
    with pytest.raises(HarnessError) as refused:
        ask_settings(home)
    assert refused.value.code == "TIMEOUT"


def test_a_code_of_a_newer_daemon_can_still_be_told(home: Home, rhd: Callable[[str], None]) -> None:
    error: dict[str, Any] = {"error": {"code": "NEW_ONE", "message": "no", "next_step": "Do."}}
    rhd(f"import json; print(json.dumps({error!r}))")
    with pytest.raises(HarnessError) as refused:
        ask_settings(home)
    assert refused.value.to_json() == {"code": "INTERNAL", "message": "no", "next_step": "Do."}
