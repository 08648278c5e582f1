from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rhwire.home import HomeUnusable
from rhwire.lock import LockHeld, ask_lock, take_lock

HOLDER = (
    "import sys; from rhwire.lock import take_lock; take_lock(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process  # type: ignore[misc]
    process.kill()
    process.communicate(timeout=10)


def test_who_holds_it_is_told_without_taking_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    path = str(tmp_path / "lock")
    assert ask_lock(path) == holder.pid
    with pytest.raises(LockHeld) as caught:
        take_lock(path)
    assert caught.value.pid == holder.pid
    assert ask_lock(path) == holder.pid


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    path = str(tmp_path / "lock")
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    assert ask_lock(path) is None
    os.close(take_lock(path))


def test_asking_while_another_starts_does_not_make_it_lose(tmp_path: Path) -> None:
    """A flock can only be asked by taking it: a start at that moment would believe that it lost."""
    path = str(tmp_path / "lock")
    Path(path).touch(mode=0o600)
    assert ask_lock(path) is None
    fd = take_lock(path)
    assert ask_lock(path) == os.getpid()
    os.close(fd)
    assert ask_lock(path) is None


def test_nobody_holds_what_is_not_there(tmp_path: Path) -> None:
    assert ask_lock(str(tmp_path / "none")) is None


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(HomeUnusable, match="symbolic"):
        take_lock(str(tmp_path / "lock"))
    assert ask_lock(str(tmp_path / "lock")) is None


def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        os.close(take_lock(str(tmp_path / "lock")))
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_lock_that_others_could_take_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "lock"
    path.touch()
    path.chmod(mode)
    with pytest.raises(HomeUnusable, match=f"mode {mode:04o}") as refused:
        take_lock(str(path))
    assert refused.value.code == "FOLDER_NOT_OURS"
    assert f"rm {path}" in refused.value.next_step
    assert ask_lock(str(path)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user's")
def test_somebody_elses_lock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch(mode=0o600)
    os.chown(path, 65534, 65534)
    with pytest.raises(HomeUnusable, match="user 65534"):
        take_lock(str(path))


def test_what_is_no_plain_file_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(HomeUnusable):
            take_lock(str(tmp_path / name))
    assert ask_lock(str(tmp_path / "pipe")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="a flock is held as a whole")
def test_a_predecessor_that_was_killed_is_never_taken_for_the_holder(tmp_path: Path) -> None:
    """Between taking the lock and writing its pid, a daemon finds the old one in the file; it must not be signalled."""
    path = tmp_path / "lock"
    path.touch(mode=0o600)
    path.write_text("12345\n")
    fd = os.open(path, os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
    assert ask_lock(str(path)) == 0
    with pytest.raises(LockHeld, match="another process") as refused:
        take_lock(str(path))
    assert refused.value.pid is None
    os.close(fd)
    assert ask_lock(str(path)) is None
