"""rhd.workflow.temporary_file: whole, on disk, with the right permissions, and removed if it is not renamed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhd.workflow import temporary_file
from rhd.workflow.filestat import Facts
from rhd.workflow.temporary_file import TEMPORARY_NAME, make_temporary, sync


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_it_is_whole_and_named_so_that_the_sweep_finds_it(folder: int, tmp_path: Path) -> None:
    with make_temporary(folder, b"text", 0o600) as name:
        assert TEMPORARY_NAME.match(name)
        assert (tmp_path / name).read_bytes() == b"text"
    assert not list((tmp_path).glob(".rh-*"))


def test_it_is_gone_whatever_happens(folder: int, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), make_temporary(folder, b"text", 0o600):
        raise KeyboardInterrupt
    assert not list((tmp_path).glob(".rh-*"))


def test_it_is_flushed_before_it_may_be_renamed_and_written_through_short_writes(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_write, real_fsync = os.write, os.fsync

    def write(descriptor: int, data: Any) -> int:
        calls.append("write")
        return real_write(descriptor, data[:3])

    def fsync(descriptor: int) -> None:
        calls.append("fsync")
        real_fsync(descriptor)

    monkeypatch.setattr(temporary_file.os, "write", write)
    monkeypatch.setattr(temporary_file.os, "fsync", fsync)
    with make_temporary(folder, b"12345678", 0o600) as name:
        assert calls == ["write", "write", "write", "fsync"]
        assert (tmp_path / name).read_bytes() == b"12345678"


def test_the_old_files_mode_is_taken_over_but_no_special_bits(folder: int, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o4764)
    with make_temporary(folder, b"", 0o600, like=Facts(os.stat(old))) as name:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o764


def test_a_group_that_cannot_be_kept_leaves_its_permissions_behind(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "not a group of yours")

    found = list(os.stat(tmp_path))
    found[stat.ST_MODE], found[stat.ST_GID] = stat.S_IFREG | 0o664, os.getegid() + 1
    old = Facts(os.stat_result(found))
    monkeypatch.setattr(temporary_file.os, "fchown", refuse)
    with make_temporary(folder, b"", 0o600, like=old) as name:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o604


def test_a_file_system_without_folder_fsync_is_no_failure_but_a_disk_error_is(
    folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_with(number: int) -> None:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(temporary_file.os, "fsync", fsync)

    for number in (errno.EINVAL, errno.ENOTSUP):
        refuse_with(number)
        sync(folder)
    refuse_with(errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        sync(folder)
