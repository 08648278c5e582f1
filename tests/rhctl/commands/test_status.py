"""`rhctl status`: the whole answer, for people and for programs; and that it starts nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rhwire.home import Home
from rhwire.lock import take_lock
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import run, type_in

DAEMON = {"pid", "version", "url", "public_url", "socket", "uptime_s", "watch"}
REPO = {"slug", "path", "state", "profiles", "url", "watch", "clients", "last_change", "problem"}


def test_without_a_daemon_it_says_so_with_exit_3_and_starts_none(no_daemon: Path) -> None:
    said = run("status")
    assert (said.code, said.out.splitlines()[0], said.err) == (3, "no daemon is running", "")
    said = run("status", "--json")
    assert (said.code, said.json) == (3, {"daemon": None, "repos": []})
    assert not no_daemon.exists()


def test_an_activated_socket_is_not_connected_to_since_that_would_start_the_daemon(no_daemon: Path) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    with socket.socket(socket.AF_UNIX) as manager:
        manager.bind(home.socket)
        manager.listen()
        assert run("status", "--json").code == 3
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.accept()


def test_a_daemon_that_lives_but_does_not_answer_is_told_from_none(no_daemon: Path) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    lock = take_lock(home.lock)
    try:
        said = run("status")
        assert (said.code, "no daemon is running" in said.out) == (3, False)
        assert run("status", "--json").json == {"daemon": None, "repos": []}
    finally:
        os.close(lock)
