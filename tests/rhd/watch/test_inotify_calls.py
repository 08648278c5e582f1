from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhd.watch import inotify_calls as calls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def instance() -> Iterator[int]:
    descriptor = calls.open_instance()
    yield descriptor
    os.close(descriptor)


def watch(instance: int, folder: Path, mask: int = calls.CREATE) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return calls.add_watch(instance, descriptor, mask | calls.ONLYDIR | calls.DONT_FOLLOW)
    finally:
        os.close(descriptor)


def test_a_watch_is_on_the_folder_that_was_opened_and_not_on_its_name(instance: int, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    number = watch(instance, folder)
    folder.rename(tmp_path / "b")
    folder.mkdir()
    (folder / "unseen.md").touch()
    with pytest.raises(BlockingIOError):
        os.read(instance, 4096)
    os.close(os.open(os.fsencode(tmp_path) + b"/b/name\xff", os.O_CREAT))
    assert list(calls.parse_events(os.read(instance, 4096))) == [(number, calls.CREATE)]


def test_one_folder_has_one_watch(instance: int, tmp_path: Path) -> None:
    assert watch(instance, tmp_path) == watch(instance, tmp_path)


def test_a_removed_watch_says_so_and_may_be_removed_again(instance: int, tmp_path: Path) -> None:
    number = watch(instance, tmp_path)
    calls.remove_watch(instance, number)
    calls.remove_watch(instance, number)
    assert list(calls.parse_events(os.read(instance, 4096))) == [(number, calls.IGNORED)]


def test_the_watch_of_a_folder_that_was_removed_ends_with_its_last_descriptor(instance: int, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    folder.rmdir()
    number = calls.add_watch(instance, descriptor, calls.CREATE)
    with pytest.raises(BlockingIOError):
        os.read(instance, 4096)
    os.close(descriptor)
    assert list(calls.parse_events(os.read(instance, 4096))) == [(number, calls.IGNORED)]


def test_what_the_kernel_refuses_is_an_error_with_its_number(instance: int, tmp_path: Path) -> None:
    file = os.open(tmp_path / "a.md", os.O_CREAT)
    with pytest.raises(OSError, match="Not a directory") as raised:
        calls.add_watch(instance, file, calls.CREATE | calls.ONLYDIR)
    os.close(file)
    assert raised.value.errno == errno.ENOTDIR


def test_opening_starts_no_process(tmp_path: Path) -> None:
    """As inotify_simple does, to find the C library."""
    code = (
        "import os, sys\n"
        "sys.addaudithook(lambda name, args: os._exit(9) if name in ('subprocess.Popen', 'os.posix_spawn') else None)\n"
        "from rhd.watch.inotify_calls import open_instance\n"
        "open_instance()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", code], environment) == 0
