"""Steps: shown, told to programs, and carried out."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rhctl.managers import steps
from rhctl.managers.steps import Detach, End, Record, Remove, Run, Step, Write, describe, perform, to_json
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import ask_lock
from tests.support import lock_holder
from tests.support.terminal import HOSTILE, is_safe

HOME = Home("/h")
ALL: list[tuple[Step, str]] = [
    (Write("/u/rhd.service", "[Unit]\n\nA=1\n"), "write /u/rhd.service\n    [Unit]\n\n    A=1"),
    (Remove("/u/rhd.service"), "remove /u/rhd.service"),
    (Run(("systemctl", "--user", "daemon-reload")), "run systemctl --user daemon-reload"),
    (Record(HOME, "port", "9"), "record port = 9 in the settings file"),
    (End(HOME, 12), "let process 12 drain and end"),
    (Detach(HOME), "start a detached daemon for /h"),
]


@pytest.mark.parametrize(("step", "said"), ALL, ids=[type(step).__name__ for step, _ in ALL])
def test_a_step_is_told_to_people_and_to_programs(step: Step, said: str) -> None:
    assert describe(step) == said
    told = to_json(step)
    assert told.keys() == {"do", "path", "text", "command", "pid"}
    assert told["do"] == type(step).__name__.lower()


@pytest.mark.parametrize(
    "step", [Write(f"/{HOSTILE}", HOSTILE), Remove(f"/{HOSTILE}"), Run(("x", HOSTILE)), Detach(Home(f"/{HOSTILE}"))]
)
def test_a_name_cannot_write_to_the_terminal(step: Step) -> None:
    assert is_safe(describe(step))


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_unit_is_written_whole_where_everybody_may_read_and_nobody_else_write_it(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "config" / "systemd" / "rhd.service"
    before = os.umask(umask)
    try:
        for text in ("one", "two"):
            perform(Write(str(path), text), os.environ)
            assert path.read_text() == text
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)} == {0o700}
    assert os.listdir(path.parent) == ["rhd.service"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rhd.service"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(HarnessError, match="No space left") as failed:
        perform(Write(str(path), "new"), os.environ)
    assert failed.value.code == "DISK_FULL"
    assert path.read_text() == "old"


def test_a_file_is_removed_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        perform(Remove(str(tmp_path / "file")), os.environ)
    assert not (tmp_path / "file").exists()
    with pytest.raises(HarnessError):
        perform(Remove(str(tmp_path)), os.environ)


def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    command = ("sh", "-c", "echo 'Unit rhd.service is masked.' >&2; exit 1")
    with pytest.raises(HarnessError, match="is masked") as failed:
        perform(Run(command), os.environ)
    assert failed.value.code == "SERVICE_FAILED"
    perform(Run(command, may_fail=True), os.environ)


def test_a_command_that_says_nothing_or_is_not_there_is_told_too() -> None:
    with pytest.raises(HarnessError, match="it ended with 3"):
        perform(Run(("sh", "-c", "exit 3")), os.environ)
    with pytest.raises(HarnessError, match="no-such-command could not be run"):
        perform(Run(("no-such-command",), may_fail=True), os.environ)


def test_a_command_gets_the_environment_of_the_manager_and_no_terminal(tmp_path: Path) -> None:
    script = f'[ "$XDG_RUNTIME_DIR" = /run/user/7 ] && ! read line && touch {tmp_path}/done'
    perform(Run(("sh", "-c", script)), {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": "/run/user/7"})
    assert (tmp_path / "done").exists()


def test_a_daemon_is_told_to_end_and_waited_for(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    process = lock_holder.start(home, 1)
    perform(End(home, process.pid), os.environ)
    assert ask_lock(home.lock) is None
    assert process.wait(10) == 0
    perform(End(home, process.pid), os.environ)  # it has ended by itself meanwhile


def test_a_daemon_that_does_not_end_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(str(tmp_path / "home"))
    process = lock_holder.start(home, 1)
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("rhctl.daemon_stop.WITHIN_S", 0.05)
    try:
        with pytest.raises(HarnessError) as failed:
            perform(End(home, process.pid), os.environ)
    finally:
        process.kill()
        process.wait(10)
    assert failed.value.code == "TIMEOUT"
    assert f"kill -9 {process.pid}" in failed.value.next_step


def test_a_setting_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Home, str | None]] = []
    monkeypatch.setattr(steps, "ask_settings", lambda *question: asked.append(question))
    home = Home(str(tmp_path))
    perform(Record(home, "port", "9"), os.environ)
    assert asked == [(home, "port=9")]
