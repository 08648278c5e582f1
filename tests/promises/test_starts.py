"""A start: of two one lives, one that was killed stops no other, and what is not ours alone is refused."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rhd.file_locations import find_locations
from rhd.settings import write_file
from rhwire.home import Home
from rhwire.lock import ask_lock, take_lock
from tests.support import killed_starts
from tests.support.daemons import Daemon, environment
from tests.support.start_race import race

RACES = 10


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that exists."""
    home = Home(str(tmp_path / "home"))
    home.prepare()
    return home


# Two at once.


def test_of_two_that_start_at_once_one_lives_and_the_other_says_why(tmp_path: Path) -> None:
    """The one that lives is killed at any point; the next two do not mind."""
    home = tmp_path / "home"
    for _ in range(RACES):
        loser, winner = race(home)
        assert ask_lock(Home(str(home)).lock) == winner.pid
        winner.kill()
        winner.communicate(timeout=10)
        assert (loser.code, winner.returncode) == (1, -signal.SIGKILL)
        assert loser.said == f"rhd: process {winner.pid} already serves {home}. {loser.next_step}\n"
    daemon = Daemon(home).start()
    assert daemon.end() == 0
    assert not os.path.lexists(Home(str(home)).socket)


def test_a_start_that_was_killed_anywhere_stops_no_later_one(tmp_path: Path) -> None:
    found = killed_starts.run(tmp_path, stride=4, kills=4)
    assert len(found["first"]) > 8
    assert len(found["later"]) > 8
    assert {mode & 0o077 for mode in found["modes"].values()} == {0}
    assert {"rhd.lock", "rhd.sock", "rhd.sqlite3", "home.json"} <= found["modes"].keys()


# What stops a start.


def open_home(home: Home) -> str:
    os.chmod(home.base, 0o755)
    return "is open to others (mode 0755)"


def open_lock(home: Home) -> str:
    os.close(take_lock(home.lock))
    os.chmod(home.lock, 0o644)
    return "has to be yours alone"


def strange_lock(home: Home) -> str:
    os.mkfifo(home.lock, 0o600)
    return "is not a plain file"


def strange_socket(home: Home) -> str:
    Path(home.socket).touch()
    return "that is not a socket of yours"


def damaged_record(home: Home) -> str:
    Path(home.record).write_text("{")
    return "home.json is damaged"


def record_of_a_newer_version(home: Home) -> str:
    Path(home.record).write_text('{"version": 2}')
    return "written by a newer version"


def damaged_settings(home: Home) -> str:
    Path(home.base, "config.toml").write_text("port = [")
    return "config.toml"


def newer_database(home: Home) -> str:
    with sqlite3.connect(f"{home.base}/rhd.sqlite3") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    os.chmod(f"{home.base}/rhd.sqlite3", 0o600)
    return "has schema 99"


def open_to_the_network(home: Home) -> str:
    Path(home.base, "config.toml").write_text('host = "0.0.0.0"')
    return "public_url"


@pytest.mark.parametrize(
    "spoil",
    [
        open_home,
        open_lock,
        strange_lock,
        strange_socket,
        damaged_record,
        record_of_a_newer_version,
        damaged_settings,
        newer_database,
        open_to_the_network,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_a_start_is_refused_in_one_line_with_a_next_step_and_changes_nothing(
    home: Home, spoil: Callable[[Home], str]
) -> None:
    reason = spoil(home)
    before = look(home)
    done = start(home)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("rhd: ")
    assert reason in line
    assert line.count(". ") >= 1  # a next step after the sentence
    after = look(home)
    assert before.items() <= after.items()
    assert not os.path.exists(home.socket) or home.socket in before
    assert ask_lock(home.lock) is None


def look(home: Home) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of what is in a home."""
    found = {}
    for path in [Path(home.base), *Path(home.base).rglob("*")]:
        mode = path.lstat().st_mode
        if path.name not in ("rhd.lock", "rhd.sqlite3-shm") or not stat.S_ISREG(mode):
            found[str(path)] = mode, path.read_bytes() if stat.S_ISREG(mode) else b""
    return found


def start(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rhd", "--home", home.base, *(words or ("--port", "0"))]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30, check=False)


def test_a_port_in_use_is_refused_and_the_control_socket_taken_away_again(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = start(home, "--port", str(other.getsockname()[1]))
    assert done.returncode == 1
    assert "is in use by another program. " in done.stderr
    assert not os.path.lexists(home.socket)


def test_what_is_made_in_a_user_s_folder_is_theirs_alone_whatever_the_umask(tmp_path: Path) -> None:
    user = Path.home()
    (user / ".config").mkdir()
    (user / ".config").chmod(0o755)  # which is theirs to decide
    home = Home.find(None, {"HOME": str(user)})
    before = os.umask(0)
    try:
        home.prepare()
        locations = find_locations(home)
        write_file(locations.config, "port", 9000)
    finally:
        os.umask(before)
    modes = {str(path.relative_to(user)): path.stat().st_mode & 0o777 for path in user.rglob("*")}
    assert modes.pop(".config") == 0o755
    assert {".config/repo-harness/config.toml", ".local", ".local/share/repo-harness"} <= modes.keys()
    assert {mode & 0o077 for mode in modes.values()} == {0}
