"""Checks of the installation: home, secrets, socket, port, programs. Work with the daemon down."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shlex
import shutil
import socket
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhd.doctor.database_checks import examine_database
from rhd.errors import HarnessError
from rhd.file_locations import FileLocations, find_locations
from rhd.settings import Settings
from rhwire.findings import Finding
from rhwire.home import Home
from rhwire.lock import ask_lock

LOW_BYTES, FULL_BYTES = 64 << 20, 1 << 20
MIN_FREE_INODES = 100
PROGRAMS = ("git", "codex", "claude")
PROBE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Installation:
    """What the checks look at; paths and settings as the daemon would take them."""

    home: Home
    locations: FileLocations
    settings: Settings
    environ: Mapping[str, str]


def examine_installation(home: Home, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Sequence[Finding]:
    """Return the findings about an installation, whether or not its daemon runs; nothing is changed but the home made.

    Args:
        flags: as the daemon was or would be started with.
    """
    try:
        home.prepare()
        locations = find_locations(home)
    except HarnessError as error:
        return [Finding("home.unusable", message=error.message, next_step=error.next_step)]
    try:
        settings = Settings.load(str(flags.get("config") or locations.config), environ, flags)
    except HarnessError as error:
        return [
            Finding("home.ok", home=home.base),
            Finding("settings.broken", message=error.message, next_step=error.next_step),
        ]
    subject = Installation(home, locations, settings, environ)
    found = [Finding("home.ok", home=home.base)]
    for check in (_secrets, _daemon, _database, _disk, _endpoint, _programs):
        found += check(subject)
    return found


def examine_agents(agents: Collection[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each agent that may be run and is not where the daemon would look."""
    path = environ.get("PATH", os.defpath)
    for agent in sorted(agents):
        if shutil.which(agent, path=path) is None:
            yield Finding("programs.agent_missing", agent=agent, path=path)


def _secrets(subject: Installation) -> Iterator[Finding]:
    """What holds secrets is the owner's alone; the settings, which hold none, are written by the owner alone."""
    is_sound = True
    database, config = subject.locations.database, subject.locations.config
    for path, forbidden in ((os.path.dirname(database), 0o077), (database, 0o077), (config, 0o022)):
        try:
            found = os.stat(path)  # noqa: TID251 - the daemon's own files, not a repository
        except OSError:
            continue
        files = shlex.quote(path) + ("*" if path == database else "")  # with its log, which has the same mode
        if found.st_uid != os.geteuid():
            is_sound = False
            yield Finding("secrets.foreign", path=path, user=pwd.getpwuid(os.geteuid()).pw_name, files=files)
        elif stat.S_IMODE(found.st_mode) & forbidden:
            is_sound = False
            yield Finding("secrets.open", path=path, mode=f"{stat.S_IMODE(found.st_mode):04o}", files=files)
    if is_sound:
        yield Finding("secrets.ok")


def _daemon(subject: Installation) -> Iterator[Finding]:
    """A daemon serves, or nothing stops it from starting."""
    pid = ask_lock(subject.home.lock)
    if pid is not None:
        yield Finding("daemon.running", pid=pid)
        yield from _socket(subject, pid)
        return
    yield Finding("daemon.down")
    yield from _port(subject)


def _socket(subject: Installation, pid: int) -> Iterator[Finding]:
    path = subject.home.socket
    try:
        found = os.lstat(path)  # noqa: TID251 - the daemon's own socket, not a repository
    except OSError as error:
        yield Finding("socket.missing", reason=error.strerror, pid=pid)
        return
    is_private = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
    yield Finding("socket.ok" if is_private and stat.S_ISSOCK(found.st_mode) else "socket.open", path=path)


def _port(subject: Installation) -> Iterator[Finding]:
    host, port = subject.settings.host, subject.settings.port
    if not port:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                yield Finding("port.unusable", port=port, host=host, reason=error.strerror)
                return
            taken = "port.other_daemon" if _is_daemon(host, port) else "port.taken"
            yield Finding(taken, port=port, host=host, other=8766 if port != 8766 else 8767)
            return
    yield Finding("port.free", port=port)


def _is_daemon(host: str, port: int) -> bool:
    """Say whether an rhd answers there."""
    try:
        with socket.create_connection((host, port), PROBE_WITHIN_S) as asked:
            asked.settimeout(PROBE_WITHIN_S)
            asked.sendall(b"GET /health HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % port)
            answer = asked.recv(4096).partition(b"\r\n\r\n")[2]
        return bool(json.loads(answer)["server"] == "repo-harness")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _database(subject: Installation) -> Iterator[Finding]:
    yield from examine_database(subject.locations.database)


def _disk(subject: Installation) -> Iterator[Finding]:
    """The disk that holds the database has room."""
    folder = os.path.dirname(subject.locations.database)
    try:
        found = os.statvfs(folder)  # noqa: TID251 - the daemon's own folder
    except OSError as error:
        yield Finding("disk.unknown", path=folder, reason=error.strerror)
        return
    free_bytes = found.f_bavail * found.f_frsize
    has_inodes = not found.f_files or found.f_favail > MIN_FREE_INODES
    if free_bytes >= LOW_BYTES and has_inodes:
        yield Finding("disk.ok", free=f"{free_bytes >> 20:,} MiB")
        return
    is_full = free_bytes < FULL_BYTES or not found.f_favail
    yield Finding(
        "disk.full" if is_full else "disk.low",
        path=folder,
        free=f"{free_bytes >> 10:,} KiB",
        inodes=f"{found.f_favail:,}",
    )


def _endpoint(subject: Installation) -> Iterator[Finding]:
    """Remote clients have a URL to come by."""
    public = subject.settings.public_url
    yield Finding("endpoint.none") if public is None else Finding("endpoint.recorded", url=public)


def _programs(subject: Installation) -> Iterator[Finding]:
    """The programs that the workflow's users have are where the daemon would look."""
    path = subject.environ.get("PATH", os.defpath)
    there = [name for name in PROGRAMS if shutil.which(name, path=path)]
    yield Finding("programs.ok", names=", ".join(there) or f"none of {', '.join(PROGRAMS)}")
