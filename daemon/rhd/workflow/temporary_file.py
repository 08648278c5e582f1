"""Files written whole and synced under a temporary name, which `Root` renames: the first half of an atomic write."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rhd.ids import new_token
from rhd.workflow.filestat import Facts

TEMPORARY_NAME = re.compile(r"\.rh-[a-z2-9]{12}\.tmp\Z")
"""What our temporary files are called. A killed process leaves at most one; `Root.sweep` finds it by this name."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A file system that cannot fsync a folder does not fail the write; any other error does.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES}


@contextmanager
def make_temporary(folder: int, data: bytes, mode: int, *, like: Facts | None = None) -> Iterator[str]:
    """Write `data` to a new file in `folder`, sync it, yield its name; remove it after the block unless renamed."""
    name = f".rh-{new_token(12)}.tmp"
    descriptor = os.open(name, _CREATE, mode, dir_fd=folder)
    try:
        try:
            if like is not None:
                _keep_permissions(descriptor, like)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield name
    finally:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _keep_permissions(descriptor: int, old: Facts) -> None:
    mode = old.permissions
    if os.fstat(descriptor).st_gid != old.group:
        try:
            os.fchown(descriptor, -1, old.group)
        except OSError:
            mode &= ~stat.S_IRWXG  # rights of the old group must not go to another group
    os.fchmod(descriptor, mode)


def sync(folder: int) -> None:
    """Sync `folder` itself: the names in it, not the contents of its files."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
