from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
    with pytest.raises(OSError, match="symbolic"):
        take_lock(str(tmp_path / "lock"))
    assert ask_lock(str(tmp_path / "lock")) is None


def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        os.close(take_lock(str(tmp_path / "lock")))
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
