"""Ending a daemon: the one that holds the lock, by a signal, and no other process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rhctl import daemon_stop as ending
from rhctl.daemon_stop import end_daemon
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import take_lock
from tests.support.daemons import environment

HOLDER = """
import signal, sys
from rhwire.lock import take_lock
if sys.argv[2] == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
take_lock(sys.argv[1])
print("held", flush=True)
signal.pause()
"""


@pytest.fixture
def home(no_daemon: Path) -> Home:
    """A home with its folder."""
    found = Home(str(no_daemon))
    found.prepare()
    return found


@pytest.fixture
def hold(home: Home) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Have a process hold the home's lock as a daemon does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLDER, home.lock, kind]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_nobody_there_is_nothing_to_end(home: Home) -> None:
    assert end_daemon(home) is None


def test_the_holder_of_the_lock_is_asked_to_end_and_waited_for(
    home: Home, hold: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    process = hold("tame")
    assert end_daemon(home) == process.pid
    assert process.wait(10) == -signal.SIGTERM
    assert end_daemon(home) is None


def test_one_that_does_not_end_is_said_to_and_left_alive(
    home: Home, hold: Callable[[str], subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "WITHIN_S", 0.1)
    process = hold("deaf")
    with pytest.raises(HarnessError) as refused:
        end_daemon(home)
    assert refused.value.code == "TIMEOUT"
    assert f"kill -9 {process.pid}" in refused.value.next_step
    assert process.poll() is None


def test_a_number_that_a_dead_daemon_left_behind_is_nobody_s(home: Home) -> None:
    """The file still names this process, which must not be sent a signal; the lock is free."""
    os.close(take_lock(home.lock))
    assert Path(home.lock).read_text().strip() == str(os.getpid())
    assert end_daemon(home) is None


def test_a_lock_without_a_number_is_waited_for_and_then_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "WITHIN_S", 0.1)
    lock = take_lock(home.lock)
    try:
        os.ftruncate(lock, 0)
        with pytest.raises(HarnessError, match="does not say by whom"):
            end_daemon(home)
    finally:
        os.close(lock)
