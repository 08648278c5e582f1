"""The two ways of opening a path beneath a folder without ever following a link. `Root` alone uses them.

Checking a path and opening it are one step in both, so that no link can be put in between
(CVE-2025-53109): `openat2` leaves it to the kernel, `walk` opens part after part and holds each folder by its
descriptor. Both answer the same errors; a link anywhere in the path is ELOOP.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from rhd.errors import Detached

Way = Callable[[int, str, int], int]
"""`(folder, path, flags) -> descriptor`. The path is a `RelPath`, or `.` for the folder itself; never `..`.

O_NOFOLLOW is the way's own business and not among the flags.
"""

Method = Literal["openat2", "walk"]

PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags for a folder that is only passed through or held; O_PATH needs no permission to read it."""

_OPENAT2 = 437  # the same number on every architecture that Linux >= 5.6 names here
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RETRIES = 16


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@functools.cache
def _how(flags: int) -> _OpenHow:
    return _OpenHow(flags | os.O_CLOEXEC, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS | _NO_XDEV)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def openat2(folder: int, path: str, flags: int) -> int:
    """Open `path` beneath `folder`; the kernel refuses every link, every mount and every way out.

    Raises:
        OSError: ELOOP for a link, EXDEV for a mount, ENOSYS or EPERM where the kernel or a sandbox lacks the call.
    """
    name, how = os.fsencode(path), _how(flags)
    for _ in range(_RETRIES):
        descriptor: int = _libc().syscall(_OPENAT2, folder, name, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        # EAGAIN: a rename raced with the look-up, and the kernel prefers not to guess.
        if number not in (errno.EINTR, errno.EAGAIN):
            break
    raise OSError(number, os.strerror(number))


def walk(folder: int, path: str, flags: int) -> int:
    """Open `path` beneath `folder`, part after part, none of them through a link. Works everywhere.

    Raises:
        OSError: ELOOP for a link.
    """
    *folders, name = path.split("/")
    current = folder
    try:
        for part in folders:
            deeper = _open_part(part, PASS, current)
            if current != folder:
                os.close(current)
            current = deeper
        return _open_part(name, flags | os.O_CLOEXEC, current)
    finally:
        if current != folder:
            os.close(current)


def _open_part(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        # O_DIRECTORY | O_NOFOLLOW answers ENOTDIR for a link too. Nothing is open: this only words the refusal.
        if _is_link(folder, name):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)  # noqa: TID251 - Root's
    except OSError:
        return False


WAYS: Mapping[Method, Way] = MappingProxyType({"openat2": openat2, "walk": walk})


@functools.cache
def best_method() -> Method:
    """Return `openat2` where it works, else `walk`; found out once.

    It may be missing (Linux < 5.6, macOS: ENOSYS) or forbidden by a sandbox's seccomp filter (EPERM).
    """
    if sys.platform != "linux":
        return "walk"
    try:
        here = os.open("/", PASS)
        try:
            os.close(openat2(here, ".", PASS))
        finally:
            os.close(here)
    except OSError:
        return "walk"
    return "openat2"


class SharedDescriptor:
    """A descriptor that several threads use, closed when the last of them is done.

    Closing it under a thread would let its number name another file, and the thread open beneath that.
    """

    def __init__(self, descriptor: int, reopen: Callable[[], int] | None = None) -> None:
        """Hold a descriptor.

        Args:
            descriptor: open; it is closed here.
            reopen: opens it again when it is used after a rest.
        """
        self._descriptor: int | None = descriptor
        self._reopen = reopen
        self._users = 0
        self._used_at = time.monotonic()
        self._is_closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> int:
        with self._lock:
            if self._is_closed:
                raise Detached("the repository is not served any more")
            if self._descriptor is None:
                assert self._reopen is not None
                self._descriptor = self._reopen()
            self._users += 1
            return self._descriptor

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            self._used_at = time.monotonic()
            if self._is_closed and not self._users:
                self._let_go()

    def rest(self, unused_s: float) -> bool:
        """Close the descriptor until it is used again, if it was not for so long; return whether it is closed now."""
        with self._lock:
            if self._reopen is not None and not self._users and time.monotonic() >= self._used_at + unused_s:
                self._let_go()
            return self._descriptor is None

    def close(self) -> None:
        """Let go of it: now, or when its last user is done. It cannot be used any more."""
        with self._lock:
            self._is_closed = True
            if not self._users:
                self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
