"""What the service manager is told, by a socket that plays it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from rhd.hosting.readiness import Readiness


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify") if request.param == "path" else "")  # empty: the kernel picks a name
        sock.settimeout(5)
        yield sock


def variables(manager: socket.socket, **more: str) -> dict[str, str]:
    """The environment that the manager gives."""
    name = manager.getsockname()
    return {"NOTIFY_SOCKET": name if isinstance(name, str) else "@" + name[1:].decode(), "PATH": "/bin", **more}


def heard(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_the_manager_is_told_of_every_turn(manager: socket.socket) -> None:
    readiness = Readiness.from_environment(variables(manager))
    readiness.status("opening the store")
    assert heard(manager) == ["STATUS=opening the store"]
    readiness.ready("serving 3 repositories")
    assert heard(manager) == ["READY=1", "STATUS=serving 3 repositories"]
    readiness.stopping("draining")
    assert heard(manager) == ["STOPPING=1", "STATUS=draining"]


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    Readiness.from_environment(variables(manager)).reloading()
    said, moment = heard(manager)
    assert said == "RELOADING=1"
    name, _, value = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_cannot_say_anything_else(manager: socket.socket) -> None:
    """A repository's name may hold a newline."""
    Readiness.from_environment(variables(manager)).status("serving a\nMAINPID=1\r\nb \ud800")
    assert heard(manager) == ["STATUS=serving a MAINPID=1 b ?"]


def test_children_do_not_speak_for_us(manager: socket.socket) -> None:
    environ = variables(manager, WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
    Readiness.from_environment(environ)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("address", [None, "", "vsock:1:2", "relative", "/nowhere/notify", "@nobody-listens-here"])
def test_without_a_listener_nothing_happens(address: str | None) -> None:
    readiness = Readiness.from_environment({} if address is None else {"NOTIFY_SOCKET": address})
    readiness.ready("serving")
    readiness.reloading()
    readiness.stopping("draining")


def test_a_manager_that_does_not_listen_does_not_hold_us_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        readiness = Readiness.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(5000):  # far more than its queue holds
            readiness.status("busy")


# The watchdog.


async def test_the_watchdog_is_fed_twice_in_its_time(
    manager: socket.socket, autojump_clock: trio.testing.MockClock
) -> None:
    readiness = Readiness.from_environment(variables(manager, WATCHDOG_USEC="30000000"))
    with trio.move_on_after(100):
        await readiness.feed()
    manager.setblocking(False)
    fed = 0
    while fed < 7:
        assert heard(manager) == ["WATCHDOG=1"]
        fed += 1
    with pytest.raises(BlockingIOError):
        heard(manager)


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
)
async def test_without_a_watchdog_of_ours_nothing_is_fed(manager: socket.socket, watchdog: dict[str, str]) -> None:
    with trio.fail_after(5):
        await Readiness.from_environment(variables(manager, **watchdog)).feed()
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
