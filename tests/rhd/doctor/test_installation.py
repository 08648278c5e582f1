"""The checks of the installation: each finding is provoked, and what it says to do ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rhd.doctor.installation import PROGRAMS, examine_agents, examine_installation
from rhd.file_locations import find_locations
from rhd.store.database import Store
from rhwire.findings import OK
from rhwire.home import Home
from rhwire.lock import take_lock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def examine(home: Home, **flags: Any) -> dict[str, dict[str, Any]]:
    """Return the findings by id, as the owner is told."""
    flags = {"host": None, "port": str(free_port()), "config": None, **flags}
    found = examine_installation(home, flags, {"PATH": "/nowhere"})
    assert not any(finding.is_for_model for finding in found), "they name the machine: none is meant for a model"
    told = [finding.to_json(home.client()) for finding in found]
    for finding in told:
        assert finding["status"] == OK or finding["next_step"], "what is wrong says what to do"
    return {finding["id"]: finding for finding in told}


def follow(finding: dict[str, Any]) -> None:
    """Do what a finding says: run the command that it names."""
    command = finding["next_step"].partition("Run: ")[2]
    assert command
    subprocess.run(command.removeprefix("sudo "), shell=True, check=True)


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
    assert list(found) == [
        "home.ok", "secrets.ok", "daemon.down", "port.free", "database.new", "disk.ok", "endpoint.none", "programs.ok",
    ]  # fmt: skip
    assert found["daemon.down"]["next_step"] == f"Start one with: rhctl --home {home.base} service start"


@pytest.mark.usefixtures("serving")
def test_a_daemon_that_runs_is_named_and_its_port_is_not_asked_for(home: Home) -> None:
    found = examine(home)
    assert found["daemon.running"]["message"] == f"process {os.getpid()} serves this home"
    assert "socket.ok" in found
    assert not any(name.startswith("port.") for name in found)


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(
    ("what", "told"), [("missing", "socket.missing"), ("open to others", "socket.open"), ("a file", "socket.open")]
)
def test_a_socket_that_is_gone_or_not_ours_alone_is_an_error(home: Home, what: str, told: str) -> None:
    if what == "open to others":
        os.chmod(home.socket, 0o660)
    else:
        os.unlink(home.socket)
        if what == "a file":
            Path(home.socket).touch(0o600)
    assert told in examine(home)


def test_a_port_that_another_program_has_is_named_and_another_port_is_free(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = examine(home, port=str(port))["port.taken"]
    assert str(port) in finding["message"]
    advised = f"Stop that program, or choose another port: rhctl --home {home.base} service start --port 8766"
    assert finding["next_step"] == advised
    assert "port.free" in examine(home, port=str(free_port()))


def test_a_port_that_another_daemon_has_is_told_apart(home: Home) -> None:
    def answer() -> None:
        peer, _ = other.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"server": "repo-harness"}')

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=answer)
        thread.start()
        assert "port.other_daemon" in examine(home, port=str(other.getsockname()[1]))
        thread.join()


def test_an_address_that_is_not_this_machines_is_not_said_to_be_taken(home: Home) -> None:
    home.prepare()
    Path(find_locations(home).config).write_text('public_url = "https://rh.example.com"\n')
    assert "port.unusable" in examine(home, host="192.0.2.1")  # TEST-NET-1 (RFC 5737)


def test_any_free_port_needs_no_look(home: Home) -> None:
    assert not any(name.startswith("port.") for name in examine(home, port="0"))


def test_what_holds_secrets_and_is_open_to_others_is_closed_by_the_command_that_is_named(home: Home) -> None:
    home.prepare()
    path = find_locations(home).database
    for connection in Store.open(path)._connections:
        connection.close()
    os.chmod(path, 0o644)
    finding = examine(home)["secrets.open"]
    assert path in finding["message"]
    follow(finding)
    assert "secrets.ok" in examine(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a file away")
def test_what_belongs_to_another_user_is_named_with_the_command_that_takes_it_back(home: Home) -> None:
    home.prepare()
    config = Path(find_locations(home).config)
    config.write_text("")
    os.chown(config, 1, -1)
    follow(examine(home)["secrets.foreign"])
    assert "secrets.ok" in examine(home)


def test_a_public_endpoint_is_told(home: Home) -> None:
    home.prepare()
    Path(find_locations(home).config).write_text('public_url = "https://rh.example.com"\n')
    assert examine(home)["endpoint.recorded"]["message"] == "https://rh.example.com/mcp"


def test_programs_are_looked_for_where_the_daemon_would_find_them(home: Home, tmp_path: Path) -> None:
    assert examine(home)["programs.ok"]["message"].endswith("none of " + ", ".join(PROGRAMS))
    (tmp_path / "bin").mkdir()
    for name in ("codex", "git"):
        (tmp_path / "bin" / name).touch(0o755)
    found = examine_installation(home, {"port": "0"}, {"PATH": str(tmp_path / "bin")})
    assert found[-1].to_json()["message"].endswith("git, codex")


def test_an_agent_that_may_be_run_and_is_not_there_is_found_until_it_is(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    (finding,) = examine_agents({"codex"}, environ)
    assert finding.id == "programs.agent_missing"
    (tmp_path / "codex").touch(0o755)
    assert not list(examine_agents({"codex"}, environ))


@pytest.mark.parametrize(
    ("what", "told"),
    [("a file", "home.unusable"), ("a broken record", "home.unusable"), ("a broken setting", "settings.broken")],
)
def test_what_stops_a_start_is_the_last_finding(home: Home, what: str, told: str) -> None:
    if what == "a file":
        Path(home.base).touch()
    else:
        home.prepare()
        paths = find_locations(home)
        Path(home.record if what == "a broken record" else paths.config).write_text("{")
    assert list(examine(home))[-1] == told


@pytest.mark.parametrize(
    ("free_kib", "inodes", "told"),
    [
        (1 << 20, 1000, "disk.ok"),
        (1 << 20, 10, "disk.low"),
        (32 << 10, 1000, "disk.low"),
        (0, 1000, "disk.full"),
        (1 << 20, 0, "disk.full"),
    ],
)
def test_a_disk_without_room_is_found(
    home: Home, monkeypatch: pytest.MonkeyPatch, free_kib: int, inodes: int, told: str
) -> None:
    found = SimpleNamespace(f_bavail=free_kib, f_frsize=1024, f_files=5000, f_favail=inodes)
    monkeypatch.setattr("rhd.doctor.installation.os.statvfs", lambda _: found)
    assert told in examine(home)


def test_a_disk_that_does_not_answer_is_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("rhd.doctor.installation.os.statvfs", fail)
    assert "Input/output error" in examine(home)["disk.unknown"]["message"]
