from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rhd.doctor.installation import PROGRAMS, examine_installation
from rhd.file_locations import find_locations
from rhd.store.database import Store
from rhwire.findings import ERROR, OK, WARNING, Finding
from rhwire.home import Home
from rhwire.lock import take_lock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def examine(home: Home, **flags: Any) -> dict[str, Finding]:
    """Return the findings by check; each check has one here."""
    flags = {"host": None, "port": str(free_port()), "config": None, **flags}
    found = examine_installation(home, flags, {"PATH": "/nowhere"})
    assert all(finding.is_local for finding in found), "they name the machine: none is meant for a model"
    assert len({finding.check for finding in found}) == len(found)
    for finding in found:
        assert finding.status == OK or finding.next_step, "what is wrong says what to do"
    return {finding.check: finding for finding in found}


@pytest.fixture
def serving(home: Home) -> Iterator[None]:
    """The lock is held and the socket is there, as while a daemon runs."""
    home.prepare()
    lock = take_lock(home.lock)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(home.socket)
        os.chmod(home.socket, 0o600)
        yield
    os.close(lock)


def test_a_home_in_which_nothing_was_started_is_fine_but_for_the_daemon(home: Home) -> None:
    found = examine(home)
    assert {check: finding.status for check, finding in found.items()} == {
        "home": OK,
        "daemon": WARNING,
        "port": OK,
        "database": OK,
        "disk": OK,
        "endpoint": OK,
        "programs": OK,
    }
    assert "will be made" in found["database"].message
    assert "rhctl service start" in (found["daemon"].next_step or "")


@pytest.mark.usefixtures("serving")
def test_a_daemon_that_runs_is_named_and_its_port_is_not_asked_for(home: Home) -> None:
    found = examine(home)
    assert found["daemon"].message == f"process {os.getpid()} serves this home"
    assert found["socket"].status == OK
    assert "port" not in found


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("what", ["missing", "open to others", "a file"])
def test_a_socket_that_is_gone_or_not_ours_alone_is_an_error(home: Home, what: str) -> None:
    if what == "open to others":
        os.chmod(home.socket, 0o660)
    else:
        os.unlink(home.socket)
        if what == "a file":
            Path(home.socket).touch(0o600)
    assert examine(home)["socket"].status == ERROR


def test_a_port_that_another_program_has_is_named(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = examine(home, port=str(port))["port"]
    assert (finding.status, finding.cause) == (ERROR, "another program listens on it")
    assert str(port) in finding.message
    assert finding.next_step == f"Stop it, or choose another port: rhctl service start --home {home.base} --port 8766"


def test_an_address_that_is_not_this_machines_is_not_said_to_be_taken(home: Home) -> None:
    home.prepare()
    Path(find_locations(home).config).write_text('public_url = "https://rh.example.com"\n')
    finding = examine(home, host="192.0.2.1")["port"]  # TEST-NET-1 (RFC 5737)
    assert (finding.status, finding.cause) == (ERROR, None)


def test_any_free_port_needs_no_look(home: Home) -> None:
    assert "port" not in examine(home, port="0")


def database(home: Home) -> str:
    home.prepare()
    path = find_locations(home).database
    for connection in Store.open(path)._connections:
        connection.close()
    return path


def test_a_database_of_ours_is_fine(home: Home) -> None:
    path = database(home)
    assert examine(home)["database"].message == path


def test_a_database_of_a_newer_version_a_damaged_one_and_none_are_told_apart(home: Home) -> None:
    path = database(home)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    finding = examine(home)["database"]
    assert (finding.status, "newer version" in finding.message) == (ERROR, True)
    for suffix in ("-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)
    Path(path).write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    finding = examine(home)["database"]
    assert (finding.status, "cannot be read" in finding.message) == (ERROR, True)
    Path(path).write_bytes(b"no database at all\n" * 100)
    assert examine(home)["database"].status == ERROR


def test_a_database_with_a_broken_page_is_damaged(home: Home) -> None:
    home.prepare()
    path = find_locations(home).database
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); CREATE INDEX i ON t (a);")
    connection.executemany("INSERT INTO t VALUES (?)", [(f"{n:0500}",) for n in range(200)])
    connection.commit()
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'i'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    assert examine(home)["database"].status == OK
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x55" * size)
    finding = examine(home)["database"]
    assert finding.status == ERROR
    assert "backup" in (finding.next_step or "")


def test_a_public_endpoint_is_told(home: Home) -> None:
    home.prepare()
    Path(find_locations(home).config).write_text('public_url = "https://rh.example.com"\n')
    assert examine(home)["endpoint"].message == "https://rh.example.com/mcp"


def test_programs_are_looked_for_where_the_daemon_would_find_them(home: Home, tmp_path: Path) -> None:
    found = examine_installation(home, {"port": "0"}, {"PATH": "/nowhere"})
    assert found[-1].message.endswith("none of " + ", ".join(PROGRAMS))
    (tmp_path / "bin").mkdir()
    for name in ("codex", "git"):
        (tmp_path / "bin" / name).touch(0o755)
    found = examine_installation(home, {"port": "0"}, {"PATH": str(tmp_path / "bin")})
    assert found[-1].message.endswith("git, codex")


@pytest.mark.parametrize("what", ["a file in its place", "a broken record", "a broken setting"])
def test_what_stops_a_start_is_the_only_finding(home: Home, what: str) -> None:
    if what == "a file in its place":
        Path(home.base).touch()
    else:
        home.prepare()
        paths = find_locations(home)
        Path(home.record if what == "a broken record" else paths.config).write_text("{")
    found = examine(home)
    assert list(found) == ["home"]
    assert found["home"].status == ERROR


@pytest.mark.parametrize(
    ("free_kib", "inodes", "status"),
    [(1 << 20, 1000, OK), (1 << 20, 10, WARNING), (32 << 10, 1000, WARNING), (0, 1000, ERROR), (1 << 20, 0, ERROR)],
)
def test_a_disk_without_room_is_found(
    home: Home, monkeypatch: pytest.MonkeyPatch, free_kib: int, inodes: int, status: str
) -> None:
    found = SimpleNamespace(f_bavail=free_kib, f_frsize=1024, f_files=5000, f_favail=inodes)
    monkeypatch.setattr("rhd.doctor.installation.os.statvfs", lambda _: found)
    finding = examine(home)["disk"]
    assert finding.status == status
    assert (finding.next_step is None) == (status == OK)
