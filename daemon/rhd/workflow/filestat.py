"""What the file system says of one name: values, nothing is looked at here."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from rhd.rel_path import RelPath


class Facts:
    """What the file system says of one name, the name itself, never what a link leads to."""

    __slots__ = ("_found",)

    def __init__(self, found: os.stat_result) -> None:
        self._found = found

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return stat.S_ISREG(self._found.st_mode)

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return stat.S_ISDIR(self._found.st_mode)

    @property
    def is_link(self) -> bool:
        """True for a symbolic link."""
        return stat.S_ISLNK(self._found.st_mode)

    @property
    def permissions(self) -> int:
        """Read, write and execute for owner, group and others; no special bits."""
        return self._found.st_mode & 0o777

    @property
    def links(self) -> int:
        """How many names it has."""
        return self._found.st_nlink

    @property
    def owner(self) -> int:
        """The uid it belongs to."""
        return self._found.st_uid

    @property
    def group(self) -> int:
        """The gid it belongs to."""
        return self._found.st_gid

    @property
    def device(self) -> int:
        """The file system that it is on."""
        return self._found.st_dev

    @property
    def inode(self) -> int:
        """Its number there."""
        return self._found.st_ino

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same for every name of one thing."""
        return self._found.st_dev, self._found.st_ino

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self._found.st_size

    @property
    def changed_ns(self) -> int:
        """When it was last changed in any way, in nanoseconds since the epoch; only the system sets this."""
        return self._found.st_ctime_ns

    @property
    def modified_ns(self) -> int:
        """When its content was last changed, in nanoseconds since the epoch; any program can set this."""
        return self._found.st_mtime_ns

    @property
    def signature(self) -> tuple[int, int, int, int]:
        """Inode, size, modified and changed: what changes when the content does, within the clock's grain."""
        found = self._found
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Entry(NamedTuple):
    """One file or folder of a listing."""

    name: str
    path: RelPath
    facts: Facts
