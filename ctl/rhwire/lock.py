"""The home's lock: held means a daemon lives. One function takes it, one asks without taking it.

On Linux it is an open-file-description lock: it dies with the last descriptor, however the process ends, and
`F_OFD_GETLK` answers who holds it without touching it (a flock can only be asked by taking it, which would make
a starting daemon believe that it lost). On macOS it is a flock, which `F_GETLK` reports as a whole.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import sys
import time

from rhwire.errors import HarnessError, code_of_write
from rhwire.home import HomeUnusable

# struct flock on 64-bit Linux: short type, short whence, off_t start, off_t len, pid_t pid.
_LINUX_FLOCK = "hhqqi4x"
# The parts of the file that its holder locks, as start and length: one to live, one more once its pid stands in it.
_ALIVE, _NAMED = (0, 1), (1, 1)
# struct flock on macOS: off_t start, off_t len, pid_t pid, short type, short whence.
_DARWIN_FLOCK = "qqihh"

NAMED_WITHIN_S = 0.5


class LockHeld(HarnessError):
    """Another process holds the lock; `pid` is the number it wrote, or None."""

    code = "DAEMON_RUNNING"

    def __init__(self, path: str, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{who} already serves {os.path.dirname(path)}")
        self.pid = pid


def take_lock(path: str) -> int:
    """Take the lock and return the descriptor that holds it; the file then holds this process's pid.

    Raises:
        LockHeld: another process has it.
        HomeUnusable: the file cannot be opened, is not a plain file, is not ours or is open to others.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        code = code_of_write(error, HomeUnusable.code)
        raise HomeUnusable(f"cannot take the lock {path}: {error.strerror}", code=code) from error
    try:
        _check_file(path, os.fstat(fd))
        if sys.platform == "linux":
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_LINUX_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *_ALIVE, 0))
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        pid = _wait_for_pid(fd)
        os.close(fd)
        raise LockHeld(path, pid) from None
    except BaseException:
        os.close(fd)
        raise
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"%d\n" % os.getpid(), 0)
    if sys.platform == "linux":
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_LINUX_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *_NAMED, 0))
    return fd


def ask_lock(path: str) -> int | None:
    """Return the pid of the daemon that holds the lock (0 if it has not written it yet), or None if it is not held."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _ask_pid(fd) if _is_held(fd, _ALIVE) else None
    finally:
        os.close(fd)


def _is_held(fd: int, part: tuple[int, int]) -> bool:
    if sys.platform == "linux":
        question = struct.pack(_LINUX_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *part, 0)
        kind = struct.unpack(_LINUX_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, question))[0]
    else:
        question = struct.pack(_DARWIN_FLOCK, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
        kind = struct.unpack(_DARWIN_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, question))[3]
    return bool(kind != fcntl.F_UNLCK)


def _ask_pid(fd: int) -> int:
    """Return what the holder wrote, or 0: until it has, the file still names a predecessor that was killed."""
    text = os.pread(fd, 32, 0).strip() if _is_held(fd, _NAMED) else b""
    return int(text) if text.isdigit() else 0


def _wait_for_pid(fd: int) -> int | None:
    until = time.monotonic() + NAMED_WITHIN_S
    while not (pid := _ask_pid(fd)) and time.monotonic() < until:
        time.sleep(0.002)
    return pid or None


def _check_file(path: str, found: os.stat_result) -> None:
    """Refuse a lock file that another user could take: that would keep every daemon from starting."""
    if not stat.S_ISREG(found.st_mode):
        raise HomeUnusable(
            f"the lock {path} is not a plain file",
            next_step="Look at it, and remove it if nothing needs it.",
        )
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeUnusable(
            f"the lock {path} belongs to user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}, "
            "but has to be yours alone",
            code="FOLDER_NOT_OURS",
            next_step=f"While no daemon runs, remove it: rm {path}",
        )
