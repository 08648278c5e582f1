from __future__ import annotations

from pathlib import Path

import pytest

from rhd.watch.filesystems import lacks_events, parse_mounts, read_mounts

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /home/me/work rw - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /home/me/work/local rw - btrfs /dev/sdb rw
32 22 0:30 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs
33 22 0:31 / /mnt/with\\040space rw - fuse.sshfs host: rw
34 22 0:32 / /over rw - overlay overlay rw,lowerdir=/a
35 22 0:33 / /stacked rw - cifs //host/share rw
36 22 0:34 / /stacked rw - tmpfs tmpfs rw
a line that is none
37 22 0:35 / /short rw -
"""


@pytest.mark.parametrize(
    ("path", "lacks"),
    [
        ("/home/me/other", False),
        ("/home/me/work", True),
        ("/home/me/work/project/plans", True),
        ("/home/me/workshop", False),
        ("/home/me/work/local/project", False),
        ("/mnt/c/project", True),
        ("/mnt/with space/project", True),
        ("/over/project", False),
        ("/stacked/project", False),
        ("/", False),
    ],
)
def test_the_innermost_mount_decides(path: str, lacks: bool) -> None:
    assert lacks_events([path], parse_mounts(MOUNTINFO)) is lacks


def test_one_folder_without_events_is_enough() -> None:
    assert lacks_events(["/home/me/other", "/mnt/c/plans"], parse_mounts(MOUNTINFO))


def test_a_system_without_a_mount_table_is_taken_to_have_events(tmp_path: Path) -> None:
    mounts = read_mounts(str(tmp_path / "none"))
    assert mounts == {}
    assert not lacks_events(["/anywhere"], mounts)


@pytest.mark.skipif(not Path("/proc/self/mountinfo").is_file(), reason="Linux")
def test_this_systems_table_is_understood() -> None:
    mounts = read_mounts()
    assert mounts["/proc"] == "proc"
    assert "/" in mounts
