"""rhwire.file_replacement: the old content or the new one, the right permissions, and nothing left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rhwire.file_replacement import replace_file, sync_folder


def test_a_new_file_is_private_and_an_existing_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(str(path), b"one\r\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one\r\n", 0o600)
    path.chmod(0o640)
    replace_file(str(path), b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)
    replace_file(str(path), b"three", mode=0o644)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"three", 0o644)
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_written_through_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target, link = tmp_path / "dotfiles" / "config", tmp_path / "config"
    target.write_bytes(b"old")
    link.symlink_to(target)
    replace_file(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_link_to_a_device_or_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("masked.service", "/dev/null"), ("config", "pipe")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OSError, match="not a plain file"):
            replace_file(str(tmp_path / name), b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_a_failure_leaves_the_old_content_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        replace_file(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    replace, fsync = os.replace, os.fsync

    def note_replace(*paths: str) -> None:
        calls.append("replace")
        replace(*paths)

    def note_fsync(fd: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    monkeypatch.setattr(os, "replace", note_replace)
    monkeypatch.setattr(os, "fsync", note_fsync)
    replace_file(str(tmp_path / "file"), b"x")
    assert calls == ["file", "replace", "folder"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(str(tmp_path / "none" / "file"), b"x")
    with pytest.raises(FileNotFoundError):
        sync_folder(str(tmp_path / "none"))
