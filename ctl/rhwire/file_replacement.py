"""Replaces a file of our own or of a user's configuration: whole or not at all, and on disk once it returns."""

from __future__ import annotations

import errno
import os


def replace_file(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Replace the content of `path`; its folder must exist. A link is written through.

    Not for files in a repository: `rhd.workflow.root` writes those.

    Args:
        mode: the permissions of the file. None keeps those of the file that is there; a new one gets 0600.

    Raises:
        OSError: it cannot be written, or is no plain file (a link to a device); what stood there stays.
    """
    import stat
    import tempfile

    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    try:
        there = os.stat(path).st_mode
    except FileNotFoundError:
        there = stat.S_IFREG | 0o600
    if not stat.S_ISREG(there):
        raise OSError(errno.EINVAL, "not a plain file", path)
    if mode is None:
        mode = stat.S_IMODE(there) & 0o777
    fd, temporary = tempfile.mkstemp(prefix=".rh-", suffix=".tmp", dir=folder)
    try:
        with open(fd, "wb") as stream:
            os.fchmod(fd, mode)
            stream.write(data)
            stream.flush()
            os.fsync(fd)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Write a folder's entries to disk, so that a rename in it survives a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
