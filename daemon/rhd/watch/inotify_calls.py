"""The three system calls of inotify(7), and how an event is laid out.

By ctypes rather than by a library: the ones there are start `ldconfig` to find the C library, and decode names.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Iterator

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
UNMOUNT, Q_OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
ONLYDIR, DONT_FOLLOW, EXCL_UNLINK, ISDIR = 0x1000000, 0x2000000, 0x4000000, 0x40000000

_HEAD = struct.Struct("iIII")


def open_instance() -> int:
    """Return the descriptor of a new instance, which does not block.

    Raises:
        OSError: EMFILE, ENFILE: no more instances, or files, are allowed.
    """
    return _call(_libc().inotify_init1, os.O_CLOEXEC | os.O_NONBLOCK)


def add_watch(instance: int, descriptor: int, mask: int) -> int:
    """Watch the folder that `descriptor` is open on and return the watch's number.

    The path ends in a dot because of ONLYDIR and DONT_FOLLOW: without it they see procfs's own link.

    Raises:
        OSError: ENOSPC, no more watches are allowed; others of inotify_add_watch(2).
    """
    return _call(_libc().inotify_add_watch, instance, b"/proc/self/fd/%d/." % descriptor, mask)


def remove_watch(instance: int, number: int) -> None:
    """Remove a watch; nothing if the kernel has removed it already."""
    _libc().inotify_rm_watch(instance, number)


def parse_events(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the watch's number and the mask of each event that was read. Names are passed over."""
    at = 0
    while at < len(data):
        number, mask, _, length = _HEAD.unpack_from(data, at)
        yield number, mask
        at += _HEAD.size + length


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(function: ctypes._NamedFuncPointer, *arguments: object) -> int:
    while True:
        result: int = function(*arguments)
        if result >= 0:
            return result
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
