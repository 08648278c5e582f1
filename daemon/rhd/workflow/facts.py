"""What the file system says of one name: values, nothing is looked at here."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from rhd.ids import RelPath


class Facts(NamedTuple):
    """What the file system says of one name, the name itself, never what a link leads to."""

    mode: int
    inode: int
    device: int
    links: int
    owner: int
    group: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Facts:
        """Return the facts that one look of the system's has found."""
        return cls(
            found.st_mode,
            found.st_ino,
            found.st_dev,
            found.st_nlink,
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """True for a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same for every name of one thing."""
        return self.device, self.inode

    @property
    def signature(self) -> tuple[int, int, int, int]:
        """Inode, size and both times: what changes when the content does, within the clock's grain."""
        return self.inode, self.size_bytes, self.modified_ns, self.changed_ns


class Entry(NamedTuple):
    """One file or folder of a listing."""

    name: str
    path: RelPath
    facts: Facts
