"""rhd.workflow.openat: the two ways answer alike, and the best one is found out, not assumed."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhd.errors import Detached
from rhd.workflow import openat
from rhd.workflow.openat import PASS, WAYS, SharedDescriptor

READ = os.O_RDONLY | os.O_NONBLOCK
LIST = os.O_RDONLY | os.O_DIRECTORY


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """A folder with a file, a deeper file and every kind of link."""
    top = tmp_path / "top"
    (top / "in/deep").mkdir(parents=True)
    (top / "a.md").write_text("a")
    (top / "in/deep/b.md").write_text("b")
    (tmp_path / "secret").write_text("secret")
    (top / "out").symlink_to(tmp_path)
    (top / "out.md").symlink_to("../secret")
    (top / "same").symlink_to("in")
    (top / "same.md").symlink_to("a.md")
    (top / "loop").symlink_to("loop")
    (top / "none").symlink_to("nowhere")
    (top / "self").symlink_to("/proc/self/root")
    descriptor = os.open(top, PASS)
    yield descriptor
    os.close(descriptor)


ANSWERS = {
    ("a.md", READ): 0,
    ("in/deep/b.md", READ): 0,
    ("in/deep", LIST): 0,
    (".", LIST): 0,
    ("in", PASS): 0,
    ("out/secret", READ): errno.ELOOP,
    ("out", LIST): errno.ELOOP,
    ("out.md", READ): errno.ELOOP,
    ("same", LIST): errno.ELOOP,
    ("same/deep/b.md", READ): errno.ELOOP,
    ("same.md", READ): errno.ELOOP,
    ("same.md", LIST): errno.ELOOP,
    ("loop", READ): errno.ELOOP,
    ("loop/x", READ): errno.ELOOP,
    ("none", READ): errno.ELOOP,
    ("self/etc/passwd", READ): errno.ELOOP,
    ("nothing", READ): errno.ENOENT,
    ("nothing/x", READ): errno.ENOENT,
    ("a.md/x", READ): errno.ENOTDIR,
    ("a.md", LIST): errno.ENOTDIR,
    ("x" * 256, READ): errno.ENAMETOOLONG,
}


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize(("path", "flags"), ANSWERS)
def test_both_ways_answer_alike(folder: int, method: Any, path: str, flags: int) -> None:
    number = 0
    try:
        os.close(WAYS[method](folder, path, flags))
    except OSError as error:
        number = error.errno or -1
    assert errno.errorcode.get(number) == errno.errorcode.get(ANSWERS[path, flags])


@pytest.mark.parametrize("method", WAYS)
def test_descriptors_are_not_inherited_and_none_is_left_open(folder: int, method: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for path, flags in ANSWERS:
        try:
            descriptor = WAYS[method](folder, path, flags)
        except OSError:
            continue
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)
    assert len(os.listdir("/proc/self/fd")) == before


class Kernel:
    """Stands for libc: answers openat2 with these errors in turn, then as the real one does."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.real = ctypes.CDLL(None, use_errno=True)

    def syscall(self, *arguments: Any) -> int:
        if self.errors:
            ctypes.set_errno(self.errors.pop(0))
            return -1
        return int(self.real.syscall(*arguments))


@pytest.fixture
def undetected() -> Iterator[None]:
    """What works here is to be found out anew, before the test and after it."""
    openat.best_method.cache_clear()
    yield
    openat.best_method.cache_clear()


@pytest.mark.usefixtures("undetected")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG])
def test_without_openat2_the_walk_is_used(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(openat, "_libc", lambda: Kernel(number))
    assert openat.best_method() == "walk"


@pytest.mark.usefixtures("undetected")
def test_where_the_kernel_has_openat2_it_is_used() -> None:
    release = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
    assert openat.best_method() == ("openat2" if release >= (5, 6) else "walk")


@pytest.mark.usefixtures("undetected")
def test_elsewhere_than_on_linux_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(openat, "_libc", lambda: pytest.fail("looked for a C library"))
    assert openat.best_method() == "walk"


def test_an_interrupted_call_and_a_lost_race_are_tried_again(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(errno.EINTR, errno.EAGAIN, errno.EINTR)
    monkeypatch.setattr(openat, "_libc", lambda: kernel)
    os.close(openat.openat2(folder, "a.md", READ))
    monkeypatch.setattr(openat, "_libc", lambda: Kernel(*[errno.EAGAIN] * 1000))
    with pytest.raises(BlockingIOError):
        openat.openat2(folder, "a.md", READ)


def test_a_held_descriptor_outlives_its_close_until_its_last_user_is_done(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, PASS)
    held = SharedDescriptor(descriptor)
    with held, held:
        held.close()
        held.close()
        os.fstat(descriptor)
        with pytest.raises(Detached):
            held.__enter__()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_held_descriptor_without_users_is_closed_at_once(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, PASS)
    SharedDescriptor(descriptor).close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_descriptor_that_rests_is_opened_again_by_its_next_user(tmp_path: Path) -> None:
    held = SharedDescriptor(os.open(tmp_path, PASS), lambda: os.open(tmp_path, PASS))
    assert not held.rest(60.0)
    with held as descriptor:
        assert not held.rest(0.0), "it is being used"
    assert held.rest(0.0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    with held as descriptor:
        os.fstat(descriptor)
    assert held.rest(0.0)
    held.close()
    with pytest.raises(Detached):
        held.__enter__()
