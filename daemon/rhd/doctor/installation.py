"""Checks of the installation: home, socket, database, configuration, programs. Work with the daemon down."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhd.errors import HarnessError
from rhd.file_locations import FileLocations, find_locations
from rhd.settings import Settings
from rhd.store.schema import MIGRATIONS
from rhwire.findings import ERROR, OK, WARNING, Finding
from rhwire.home import Home
from rhwire.lock import ask_lock

LOW_BYTES, FULL_BYTES = 64 << 20, 1 << 20
MIN_FREE_INODES = 100
PROGRAMS = ("git", "codex", "claude")


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
        settings = Settings.load(str(flags.get("config") or locations.config), environ, flags)
    except HarnessError as error:
        return [Finding("home", ERROR, error.message, next_step=error.next_step)]
    subject = Installation(home, locations, settings, environ)
    found = [Finding("home", OK, home.base)]
    for check in (_daemon, _database, _disk, _endpoint, _programs):
        found += check(subject)
    return found


def _daemon(subject: Installation) -> Iterator[Finding]:
    """A daemon serves, or nothing stops it from starting."""
    pid = ask_lock(subject.home.lock)
    if pid is not None:
        yield Finding("daemon", OK, f"process {pid} serves this home")
        yield from _socket(subject)
        return
    yield Finding("daemon", WARNING, "no daemon is running", next_step="Start one with: rhctl service start, or rhd")
    yield from _port(subject)


def _socket(subject: Installation) -> Iterator[Finding]:
    try:
        found = os.lstat(subject.home.socket)  # noqa: TID251 - the daemon's own socket, not a repository
    except OSError as error:
        yield Finding(
            "socket",
            ERROR,
            f"the control socket is missing: {error.strerror}",
            cause="something removed it while the daemon ran",
            next_step="Restart the daemon.",
        )
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        yield Finding(
            "socket",
            ERROR,
            f"the control socket {subject.home.socket} is not yours alone",
            next_step="Restart the daemon.",
        )
    else:
        yield Finding("socket", OK, subject.home.socket)


def _port(subject: Installation) -> Iterator[Finding]:
    settings = subject.settings
    if not settings.port:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            home = "" if subject.home.is_default else f" --home {shlex.quote(subject.home.base)}"
            other = 8766 if settings.port != 8766 else 8767
            yield Finding(
                "port",
                ERROR,
                f"port {settings.port} on {settings.host} cannot be used: {error.strerror}",
                cause="another program listens on it" if is_taken else None,
                next_step=f"Stop it, or choose another port: rhctl service start{home} --port {other}"
                if is_taken
                else "Choose another address with: rhctl config set host ADDRESS",
            )
            return
    yield Finding("port", OK, f"port {settings.port} is free")


def _database(subject: Installation) -> Iterator[Finding]:
    """The database opens, is whole and of a version that we know."""
    path = subject.locations.database
    if not os.path.isfile(path):  # noqa: TID251 - the daemon's own database; sqlite would say no more than "unable"
        yield Finding("database", OK, f"{path} will be made at the first start")
        return
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (word,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield Finding("database", ERROR, f"{path} cannot be read: {error}", next_step="Restore it from a backup.")
        return
    if version > len(MIGRATIONS):
        yield Finding(
            "database",
            ERROR,
            f"{path} was written by a newer version",
            next_step="Upgrade repo-harness, or choose another home.",
        )
    elif word != "ok":
        yield Finding("database", ERROR, f"{path} is damaged: {word}", next_step="Restore it from a backup.")
    else:
        yield Finding("database", OK, path)


def _disk(subject: Installation) -> Iterator[Finding]:
    """The disk that holds the database has room."""
    folder = os.path.dirname(subject.locations.database)
    try:
        found = os.statvfs(folder)  # noqa: TID251 - the daemon's own folder
    except OSError as error:
        yield Finding("disk", ERROR, f"{folder} cannot be looked at: {error.strerror}", next_step="Look at its disk.")
        return
    free_bytes = found.f_bavail * found.f_frsize
    has_inodes = not found.f_files or found.f_favail > MIN_FREE_INODES
    if free_bytes >= LOW_BYTES and has_inodes:
        yield Finding("disk", OK, f"{free_bytes >> 20:,} MiB are free where the database lies")
        return
    is_full = free_bytes < FULL_BYTES or not found.f_favail
    yield Finding(
        "disk",
        ERROR if is_full else WARNING,
        f"the disk that holds {folder} is {'full' if is_full else 'nearly full'}",
        cause=f"{free_bytes >> 10:,} KiB and {found.f_favail:,} inodes are free",
        next_step="Free space on it: without any, nothing can be recorded.",
    )


def _endpoint(subject: Installation) -> Iterator[Finding]:
    """Remote clients have a URL to come by."""
    public = subject.settings.public_url
    if public is None:
        yield Finding(
            "endpoint",
            OK,
            "no public endpoint is recorded; only local clients can connect",
            next_step="For ChatGPT, record your tunnel's URL: rhctl endpoint https://HOST/mcp",
        )
    else:
        yield Finding("endpoint", OK, f"{public}/mcp")


def _programs(subject: Installation) -> Iterator[Finding]:
    """The programs that the workflow's users have are where the daemon would look."""
    path = subject.environ.get("PATH", os.defpath)
    found = {name: shutil.which(name, path=path) for name in PROGRAMS}
    there = ", ".join(name for name in PROGRAMS if found[name])
    yield Finding("programs", OK, f"on the daemon's PATH: {there or 'none of ' + ', '.join(PROGRAMS)}")
