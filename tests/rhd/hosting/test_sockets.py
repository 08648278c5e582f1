"""Sockets from a service manager, from us, and who is at their other end."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio

from rhd.errors import StartRefused
from rhd.hosting.sockets import BACKLOG, ControlSocket, Peer, bind_control, bind_http, inherited, peer_of
from rhwire.home import HomeUnusable
from tests.support.serving_inherit import start_with


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def path(folder: Path) -> str:
    return str(folder / "rhd.sock")


def listen_unix(path: str, mode: int = 0o600) -> socket.socket:
    """A control socket as systemd makes it."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    os.chmod(path, mode)
    sock.listen()
    return sock


@pytest.fixture
def held(path: str) -> Iterator[socket.socket]:
    with listen_unix(path) as sock:
        yield sock


@pytest.fixture
def http() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


# From systemd: a process of its own finds them.


def test_sockets_are_found_by_name_whatever_their_order(path: str, held: socket.socket, http: socket.socket) -> None:
    found = start_with([http.fileno(), held.fileno()], "http:control", path)["sockets"]
    assert [sock["descriptor"] for sock in found["http"]] == [3]
    assert [sock["descriptor"] for sock in found["control"]] == [4]
    assert found["control"][0]["address"] == path
    assert tuple(found["http"][0]["address"]) == http.getsockname()


def test_two_sockets_may_have_one_name(path: str, http: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = start_with([http.fileno(), other.fileno()], "http:http", path)["sockets"]
    assert len(found["http"]) == 2


def test_children_find_neither_the_variables_nor_the_descriptors(path: str, http: socket.socket) -> None:
    found = start_with([http.fileno()], "http", path)
    assert found["environment"] == ["LISTEN_X"]
    (sock,) = found["sockets"]["http"]
    assert not sock["is_inheritable"]
    assert not sock["is_blocking"]


def test_sockets_for_another_process_are_left_alone_but_their_variables_removed(path: str, http: socket.socket) -> None:
    found = start_with([http.fileno()], "http", path, is_for_it=False)
    assert found == {"sockets": {}, "environment": ["LISTEN_X"]}


def test_without_a_service_manager_there_are_none(path: str) -> None:
    environ = {"PATH": "/bin"}
    assert inherited(path, environ) == {}
    assert environ == {"PATH": "/bin"}


def refusal(found: Any) -> str:
    message: str = found["refused"]["message"]
    assert found["refused"]["next_step"]
    return message


@pytest.mark.parametrize("names", [None, "", "unknown", "http"])
def test_a_socket_of_another_name_is_refused(path: str, http: socket.socket, names: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert "means nothing" in refusal(start_with([http.fileno(), other.fileno()], names, path))


def make_connected() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname())


def make_unix() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("")  # the kernel picks a name
    sock.listen()
    return sock


WRONG: dict[str, Callable[[], socket.socket]] = {
    "not listening": socket.socket,
    "connected": make_connected,
    "of datagrams": lambda: socket.socket(type=socket.SOCK_DGRAM),
    "of another family": make_unix,
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_socket_that_is_not_what_its_name_says_is_refused(path: str, make: Callable[[], socket.socket]) -> None:
    with make() as sock:
        assert "not a listening stream socket" in refusal(start_with([sock.fileno()], "http", path))


def test_a_descriptor_that_is_no_socket_is_refused(path: str) -> None:
    with open("/dev/null", "rb") as file:
        assert "is no socket" in refusal(start_with([file.fileno()], "http", path))


def test_the_control_socket_of_another_home_is_refused(held: socket.socket, path: str) -> None:
    message = refusal(start_with([held.fileno()], "control", "/elsewhere/rhd.sock"))
    assert path in message
    assert "/elsewhere/rhd.sock" in message


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o777])
def test_a_control_socket_that_is_open_to_others_is_refused(path: str, mode: int) -> None:
    with listen_unix(path, mode) as sock:
        found = start_with([sock.fileno()], "control", path)
    assert found["refused"]["code"] == "FOLDER_NOT_OURS"
    assert f"mode {mode:04o}" in refusal(found)


# From launchd, played by an object.


class Launchd:
    """launch_activate_socket(3) as its manual describes it."""

    def __init__(self, sockets: dict[str, list[int]], otherwise: int = errno.ENOENT) -> None:
        self._sockets = sockets
        self._otherwise = otherwise
        self._arrays: list[Any] = []
        self.freed = 0

    def launch_activate_socket(self, name: bytes, descriptors: Any, count: Any) -> int:
        found = self._sockets.pop(name.decode(), None)
        if found is None:
            return self._otherwise
        array = (ctypes.c_int * len(found))(*found)
        self._arrays.append(array)
        descriptors._obj.contents = ctypes.c_int.from_buffer(array)
        count._obj.value = len(found)
        return 0

    def free(self, descriptors: Any) -> None:
        assert descriptors
        self.freed += 1


def test_sockets_are_taken_from_launchd(path: str, held: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        addresses = [one.getsockname(), other.getsockname()]
        launchd = Launchd({"control": [os.dup(held.fileno())], "http": [os.dup(one.fileno()), os.dup(other.fileno())]})
    found = inherited(path, {}, launchd)
    assert [sock.getsockname() for sock in found["control"]] == [path]
    assert [sock.getsockname() for sock in found["http"]] == addresses
    assert launchd.freed == 2
    for sock in [*found["control"], *found["http"]]:
        assert not sock.get_inheritable()
        sock.close()


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ESRCH, errno.EALREADY])
def test_launchd_may_have_none(path: str, code: int) -> None:
    launchd = Launchd({}, code)
    assert inherited(path, {}, launchd) == {}
    assert launchd.freed == 0


# The control socket, bound here.


@pytest.fixture
def control(path: str) -> Iterator[ControlSocket]:
    control = bind_control(path)
    with control.socket:
        yield control


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def test_the_control_socket_is_ours_alone_whatever_the_umask(folder: Path, umask: int) -> None:
    control = bind_control(str(folder / "rhd.sock"))
    with control.socket:
        assert mode_of(control.path) == 0o600
        assert os.lstat(control.path).st_uid == os.geteuid()
        assert os.listdir(folder) == ["rhd.sock"]


def test_whoever_finds_the_control_socket_can_connect(control: ControlSocket) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(control.path)
        accepted, _ = control.socket.accept()
        accepted.close()


def test_the_control_socket_is_kept_from_children_and_never_blocks(control: ControlSocket) -> None:
    assert not control.socket.get_inheritable()
    with pytest.raises(BlockingIOError):
        control.socket.accept()


@pytest.mark.parametrize("leftover", ["rhd.sock", "rhd.sock~"])
def test_what_a_killed_daemon_left_is_replaced(folder: Path, path: str, leftover: str) -> None:
    listen_unix(str(folder / leftover)).close()
    control = bind_control(path)
    with control.socket:
        assert os.listdir(folder) == ["rhd.sock"]


def test_a_socket_that_somebody_listens_on_is_not_stolen(path: str, held: socket.socket) -> None:
    before = os.lstat(path).st_ino
    with pytest.raises(StartRefused) as refused:
        bind_control(path)
    assert refused.value.code == "DAEMON_RUNNING"
    assert os.lstat(path).st_ino == before


def test_a_socket_whose_queue_is_full_is_not_stolen(path: str) -> None:
    """Its owner is stuck, not dead; and looking does not get stuck with it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen(0)
        waiting = []
        try:
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                try:
                    waiting[-1].connect(path)
                except BlockingIOError:
                    break
            with pytest.raises(StartRefused) as refused:
                bind_control(path)
        finally:
            for client in waiting:
                client.close()
    assert refused.value.code == "DAEMON_RUNNING"


def test_a_link_at_the_path_is_neither_followed_nor_removed(folder: Path, path: str) -> None:
    elsewhere = str(folder / "elsewhere.sock")
    with listen_unix(elsewhere):
        os.symlink(elsewhere, path)
        with pytest.raises(StartRefused) as refused:
            bind_control(path)
    assert refused.value.code == "HOME_UNUSABLE"
    assert os.readlink(path) == elsewhere


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_what_is_no_socket_is_left_alone(path: str, kind: str) -> None:
    if kind == "file":
        Path(path).write_text("somebody's")
    elif kind == "folder":
        os.mkdir(path)
    else:
        os.symlink("/nowhere", path)
    with pytest.raises(StartRefused) as refused:
        bind_control(path)
    assert refused.value.code == "HOME_UNUSABLE"
    assert os.lstat(path)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_is_open_to_others_is_refused(folder: Path, path: str, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(HomeUnusable) as refused:
        bind_control(path)
    assert refused.value.code == "FOLDER_NOT_OURS"
    assert os.listdir(folder) == []


def test_a_path_that_is_too_long_is_refused_with_a_sentence(folder: Path) -> None:
    with pytest.raises(StartRefused) as refused:
        bind_control(str(folder / ("a" * 200)))
    assert refused.value.code == "HOME_UNUSABLE"


def test_the_control_socket_is_removed_at_the_end(control: ControlSocket) -> None:
    control.remove()
    assert not os.path.lexists(control.path)
    control.remove()  # nothing is left to remove


def test_the_socket_of_a_successor_is_not_removed(control: ControlSocket) -> None:
    os.unlink(control.path)
    with listen_unix(control.path) as successor:
        control.remove()
        assert successor.getsockname() == control.path
        assert os.path.lexists(control.path)


# The HTTP port, bound here.


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("127.0.0.1", {"127.0.0.1", "::1"}), ("::1", {"::1"}), ("localhost", {"127.0.0.1", "::1"})],
)
def test_a_loopback_host_is_bound(host: str, addresses: set[str]) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    sockets = bind_http(host, 0)
    assert {sock.getsockname()[0] for sock in sockets} == addresses
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        with socket.create_connection(sock.getsockname()[:2], timeout=5):
            pass
        assert not sock.getblocking()
        sock.close()


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
        return True


def test_a_port_whose_ipv6_loopback_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program on [::1] would be handed what clients send to `localhost`."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartRefused) as refused:
            bind_http("127.0.0.1", port)
        assert refused.value.message == f"port {port} of ::1 is in use by another program"
        for sock in bind_http("127.0.0.1", 0):
            sock.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_is_bound_on_a_machine_without_ipv6(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def without(host: str, *args: Any, **options: Any) -> Any:
        if ":" in host:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", without)
    (sock,) = bind_http(host, 0)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("taken_by", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_refused_with_one_sentence(taken_by: str) -> None:
    with socket.create_server((taken_by, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartRefused) as refused:
            bind_http("127.0.0.1", port)
    assert refused.value.code == "PORT_IN_USE"
    assert refused.value.message == f"port {port} of 127.0.0.1 is in use by another program"
    assert "--port" in refused.value.next_step


def test_a_port_that_was_just_left_can_be_bound_again() -> None:
    sock, *others = bind_http("127.0.0.1", 0)
    address = sock.getsockname()
    client = socket.create_connection(address, timeout=5)
    accepted, _ = sock.accept()
    accepted.close()  # ours is the side that waits now
    client.close()
    for each in (sock, *others):
        each.close()
    for again in bind_http(*address):
        again.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "-"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(StartRefused) as refused:
        bind_http(host, 0)
    assert host in refused.value.message
    assert "--host" in refused.value.next_step


def test_many_may_wait() -> None:
    """A restart refuses no client."""
    limit = Path("/proc/sys/net/core/somaxconn")
    capped = min(BACKLOG, int(limit.read_text())) if limit.exists() else 128
    assert BACKLOG >= 512
    sock, *others = bind_http("127.0.0.1", 0)
    for other in others:
        other.close()
    clients = []
    with sock:
        for _ in range(min(capped, 200)):
            clients.append(socket.create_connection(sock.getsockname(), timeout=5))
    for client in clients:
        client.close()


# The other end.


def test_the_peer_is_who_the_kernel_says(control: ControlSocket) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(control.path)
        accepted, _ = control.socket.accept()
        with accepted:
            assert peer_of(accepted) == Peer(os.getpid(), os.geteuid(), os.getegid())


def test_the_peer_of_a_trio_socket_is_known_too() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_of(trio.socket.from_stdlib_socket(one)).uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to connect as one")
def test_another_user_is_told_apart() -> None:
    with TemporaryDirectory() as folder:
        control = bind_control(f"{folder}/rhd.sock")
        os.chmod(folder, 0o711)  # this once another user is let in
        os.chmod(control.path, 0o666)
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(control.path)
                    client.recv(1)
            finally:
                os._exit(0)
        with control.socket:
            control.socket.settimeout(10)
            accepted, _ = control.socket.accept()
            with accepted:
                assert peer_of(accepted) == Peer(pid, 65534, 65534)
        os.waitpid(pid, 0)


def test_a_tcp_socket_has_no_peer_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        with suppress(OSError):  # as macOS says it
            assert peer_of(client).pid == 0
