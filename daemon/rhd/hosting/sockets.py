"""The two listening sockets: inherited by name from systemd or launchd, else bound here; and who is at the other end.

`control` is the Unix socket of the home, `http` the TCP port. An inherited socket outlives the process: a client
that connects while no daemon runs waits in its queue. None of this waits or looks up more than a host's name; it is for
the start, before anything runs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple, Protocol

from rhd.errors import StartRefused
from rhwire.home import make_private_folder

BACKLOG = 1024
"""How many connections wait in the kernel while a daemon is busy or restarting; the system may cap it."""

LOOPBACK = ("127.0.0.1", "::1")
_FREE_PORT_TRIES = 5
_FIRST_INHERITED = 3
_FAMILIES = {"control": (socket.AF_UNIX,), "http": (socket.AF_INET, socket.AF_INET6)}
_NOT_THIS_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class Peer(NamedTuple):
    """The process at the other end of a Unix socket, as the kernel knows it."""

    pid: int
    uid: int
    gid: int


class HasOptions(Protocol):
    """A socket of the standard library or of trio."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ControlSocket:
    """The control socket that this process bound.

    Attributes:
        socket: listening, not blocking.
        path: where it is.
        identity: device and inode of the path.
    """

    socket: socket.socket
    path: str
    identity: tuple[int, int]

    def remove(self) -> None:
        """Remove the path, unless something else is there by now."""
        with suppress(OSError):
            if _identify(os.lstat(self.path)) == self.identity:
                os.unlink(self.path)


# Inherited.


def inherited(
    control_path: str, environ: MutableMapping[str, str] = os.environ, launchd: Any = None
) -> dict[str, list[socket.socket]]:
    """Return the listening sockets that a service manager holds for us, by name; empty if there is none.

    The variables of systemd's protocol (sd_listen_fds(3)) are removed from `environ`, and the descriptors closed on
    exec: no agent that we start is to find them.

    Args:
        control_path: where the home's control socket has to be.
        environ: taken from and changed.
        launchd: the C library, where launchd is.

    Raises:
        StartRefused: a socket is not what its name says, or the control socket is open to others.
    """
    if launchd is None and sys.platform == "darwin":
        launchd = ctypes.CDLL(None)
    sockets: dict[str, list[socket.socket]] = {}
    with ExitStack() as undo:
        for name, descriptor in [*_from_systemd(environ), *_from_launchd(launchd)]:
            sockets.setdefault(name, []).append(undo.enter_context(_take(name, descriptor)))
            _check(name, sockets[name][-1], control_path)
        undo.pop_all()
    return sockets


def _from_systemd(environ: MutableMapping[str, str]) -> Iterator[tuple[str, int]]:
    pid, count, names = [environ.pop("LISTEN_" + name, "") for name in ("PID", "FDS", "FDNAMES")]
    environ.pop("LISTEN_PIDFDID", None)
    if pid == str(os.getpid()) and count.isdigit():
        descriptors = range(_FIRST_INHERITED, _FIRST_INHERITED + int(count))
        yield from zip_longest(names.split(":")[: len(descriptors)], descriptors, fillvalue="")


def _from_launchd(library: Any) -> Iterator[tuple[str, int]]:
    """Ask launch_activate_socket(3); it says ENOENT for a name that it has not, ESRCH if launchd did not start us."""
    if library is None:
        return
    for name in _FAMILIES:
        found, count = ctypes.POINTER(ctypes.c_int)(), ctypes.c_size_t()
        if library.launch_activate_socket(name.encode(), ctypes.byref(found), ctypes.byref(count)) == 0:
            descriptors = found[: count.value]
            library.free(found)
            yield from ((name, descriptor) for descriptor in descriptors)


def _take(name: str, descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _bad_socket(name, "is no socket") from error
    sock.setblocking(False)
    return sock


def _check(name: str, sock: socket.socket, control_path: str) -> None:
    families = _FAMILIES.get(name)
    if families is None:
        raise _bad_socket(name, "has a name that means nothing here")
    if sock.family not in families or sock.type != socket.SOCK_STREAM or not _is_listening(sock):
        raise _bad_socket(name, "is not a listening stream socket of its family")
    if name == "control":
        _check_control(sock, control_path)


def _bad_socket(name: str, what: str) -> StartRefused:
    return StartRefused(
        f"the socket {name!r} that the service manager holds {what}",
        next_step="Install the service again with: rhctl service install",
    )


def _is_listening(sock: socket.socket) -> bool:
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:  # macOS does not say
        return True


def _check_control(sock: socket.socket, path: str) -> None:
    bound_to = sock.getsockname()
    if bound_to != path:
        raise StartRefused(
            f"the service manager holds the control socket {bound_to}, but the one of this home is {path}",
            next_step="Install the service again for this home with: rhctl service install",
        )
    make_private_folder(os.path.dirname(path))
    found = os.lstat(path)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StartRefused(
            f"the control socket {path} belongs to user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}, "
            "but has to be yours alone",
            code="FOLDER_NOT_OURS",
            next_step="Install the service again with: rhctl service install",
        )


# Bound here.


def bind_control(path: str) -> ControlSocket:
    """Bind and listen at `path` with mode 0600; clients can connect once it is there. The caller holds the home's lock.

    A stale socket is replaced. One that a process listens on is not, and neither is anything that is no socket.

    Raises:
        StartRefused: DAEMON_RUNNING, or HOME_UNUSABLE.
        HomeUnusable: its folder is not ours alone.
    """
    make_private_folder(os.path.dirname(path))
    temporary = path + "~"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _look_for_life(path)
        with suppress(FileNotFoundError):  # of a start that was killed here
            os.unlink(temporary)
        sock.bind(temporary)
        # Whatever the umask: no client can connect before listen, and no other user can enter the folder.
        os.chmod(temporary, 0o600)
        sock.listen(BACKLOG)
        identity = _identify(os.lstat(temporary))
        os.rename(temporary, path)
    except OSError as error:
        sock.close()
        raise StartRefused(f"cannot make the control socket {path}: {error.strerror}", code="HOME_UNUSABLE") from error
    except StartRefused:
        sock.close()
        raise
    return ControlSocket(sock, path, identity)


def _look_for_life(path: str) -> None:
    """Return if there is nothing at `path`, or a socket of ours that no process listens on."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise StartRefused(
            f"there is something at {path} that is not a socket of yours",
            code="HOME_UNUSABLE",
            next_step="Look at it, and remove it if nothing needs it.",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except BlockingIOError:
            pass  # a process listens, with a full queue
    raise StartRefused(
        f"another process listens on the control socket {path}",
        code="DAEMON_RUNNING",
        next_step="If the service is installed, start it with: rhctl service start",
    )


def _identify(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def bind_http(host: str, port: int) -> list[socket.socket]:
    """Bind and listen; 127.0.0.1 and `localhost` are both loopback addresses, as far as the machine has them.

    Args:
        host: a name or an address.
        port: 0 for any free one.

    Raises:
        StartRefused: PORT_IN_USE, or the host is no address of this machine.
    """
    addresses = LOOPBACK if host in ("localhost", LOOPBACK[0]) else (host,)
    for _ in range(_FREE_PORT_TRIES if port == 0 else 0):
        with suppress(StartRefused):  # free on 127.0.0.1, taken on ::1
            return _bind_all(host, addresses, port)
    return _bind_all(host, addresses, port)


def _bind_all(host: str, addresses: tuple[str, ...], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(_bind_tcp(address, port))
        except OSError as error:
            if error.errno in _NOT_THIS_FAMILY and len(addresses) > 1:
                continue
            for sock in sockets:
                sock.close()
            raise _refuse_port(address if sockets else host, port, error) from error
        port = sockets[-1].getsockname()[1]
    if not sockets:
        raise _refuse_port(host, port, OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)))
    return sockets


def _bind_tcp(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _refuse_port(host: str, port: int, error: OSError) -> StartRefused:
    if error.errno == errno.EADDRINUSE:
        message = f"port {port} of {host} is in use by another program"
        return StartRefused(message, code="PORT_IN_USE", details={"port": port})
    if error.errno == errno.EACCES:
        return StartRefused(
            f"port {port} of {host} is reserved for the system", next_step="Choose a port above 1023 with --port."
        )
    return StartRefused(
        f"cannot listen on port {port} of {host}: {error.strerror}",
        next_step="Choose an address of this machine with --host; 127.0.0.1 is the usual one.",
    )


# The other end.


def peer_of(sock: HasOptions) -> Peer:
    """Return who is at the other end of a connected Unix socket.

    Raises:
        OSError: it is not connected, or no Unix socket.
    """
    if sys.platform == "darwin":
        # struct xucred: version, uid, number of groups, 16 groups; then the process.
        _, uid, _, gid = struct.unpack_from("=IIh2xI", sock.getsockopt(0, 0x001, 76))  # SOL_LOCAL, LOCAL_PEERCRED
        (pid,) = struct.unpack("=i", sock.getsockopt(0, 0x002, 4))  # LOCAL_PEERPID
        return Peer(pid, uid, gid)
    return Peer(*struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))
