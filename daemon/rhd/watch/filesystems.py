"""Which file systems report no events, since other machines or processes change them unseen by this kernel.

Read from the table of mounts, which is text: `statfs` on an NFS server that does not answer would hang.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MOUNTINFO = "/proc/self/mountinfo"

EVENTLESS = frozenset(
    {
        "9p",
        "acfs",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "drvfs",
        "fakeowner",
        "fuse",
        "fuseblk",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    }
)
"""Network, cluster, hypervisor and user-space file systems, as named in proc_pid_mountinfo(5). All of `fuse.*` too."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_mounts(text: str) -> dict[str, str]:
    """Return the type of the file system at each mount point; of stacked mounts the topmost, which comes last."""
    mounts = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split()
        if not separator or len(fields) < 5 or not after:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
        mounts[point] = after.split()[0]
    return mounts


def read_mounts(file: str = MOUNTINFO) -> dict[str, str]:
    """Return the mount points of this process; none where the system keeps no such table."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as table:
            return parse_mounts(table.read())
    except OSError:
        return {}


def lacks_events(paths: Iterable[str], mounts: Mapping[str, str]) -> bool:
    """Return True if any of these absolute paths is on a file system that reports no events."""
    return any(_is_eventless(_type_at(path, mounts)) for path in paths)


def _is_eventless(kind: str | None) -> bool:
    return kind is not None and (kind in EVENTLESS or kind.startswith("fuse."))


def _type_at(path: str, mounts: Mapping[str, str]) -> str | None:
    while path not in mounts:
        if path in ("", "/"):
            return None
        path = path.rpartition("/")[0] or "/"
    return mounts[path]
