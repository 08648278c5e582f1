"""What is inotify's own: overflow, limits, watches that go, folders that two roots share. The rest: test_hints.py."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rhd.watch import inotify_calls as calls
from rhd.watch.inotify import InotifySource, Kernel
from rhd.watch.watched_roots import Policy
from tests.rhd.watch.test_hints import Heard, arm
from tests.support.hint_mirror import EVENTS, Mirror
from tests.support.hint_mirror_process import QUEUED_EVENTS, MirrorProcess, flood
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@asynccontextmanager
async def running(policy: Policy = EVENTS, kernel: Kernel | None = None) -> AsyncIterator[InotifySource]:
    source = InotifySource(policy, kernel=kernel)
    async with trio.open_nursery() as nursery:
        await nursery.start(source.run)
        yield source
        nursery.cancel_scope.cancel()


async def test_a_save_by_rename_is_one_hint_and_so_is_a_file_written_in_place(tmp_path: Path) -> None:
    async with running() as source:
        heard = Heard()
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        (tmp_path / "new.md").write_text("created, written and closed")
        await heard.until(lambda: heard.names(""))
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(heard.hints) == 1
        with (tmp_path / "new.md").open("a") as file:
            file.write("x")
            file.flush()
            await heard.until(lambda: len(heard.hints) == 2)  # it stays open, so it is looked at as it is
        await heard.until(lambda: len(heard.hints) == 3)


async def test_a_flood_within_one_turn_of_the_loop_overflows_and_everything_is_looked_at(tmp_path: Path) -> None:
    """Nothing here depends on time: the events are made while the loop cannot read any."""
    (tmp_path / "a/plans").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    async with running() as source, trio.open_nursery() as nursery:
        busy, calm = Mirror(source, "a", tmp_path / "a"), Mirror(source, "b", tmp_path / "b")
        await nursery.start(busy.run)
        await nursery.start(calm.run)
        flood(tmp_path / "a/plans", QUEUED_EVENTS + 1000)
        shutil.rmtree(tmp_path / "a/plans")
        (tmp_path / "a/plans").mkdir()
        (tmp_path / "a/plans/hidden.md").write_text("while the queue was full")
        (tmp_path / "b/hidden.md").write_text("while the queue was full")
        await busy.settle()
        await calm.settle()
        assert calm.vias["overflow"] == busy.vias["overflow"] == 1
        (tmp_path / "a/plans/after.md").write_text("the folder that took its place is watched")
        await busy.settle()
        nursery.cancel_scope.cancel()


async def test_a_root_that_overflows_the_queue_twice_is_polled_and_others_are_not(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with running(Policy(reconcile_s=3600, retry_s=0.5, poll_s=0.1)) as source:
        busy, calm = Heard(), Heard()
        source.attach("a", str(tmp_path / "a"), busy)
        source.attach("b", str(tmp_path / "b"), calm)
        arm(source, "a", tmp_path / "a", "")
        arm(source, "b", tmp_path / "b", "")
        for count in (1, 2):
            flood(tmp_path / "a", QUEUED_EVENTS + 1000)
            await calm.until(lambda: [via for *_, via in calm.hints].count("overflow") == count)  # noqa: B023
        assert source.usage().polled == {"a": "overflow"}
        assert (source.mode("a"), source.mode("b")) == ("poll", "events")
        await busy.until(lambda: busy.hints[-1] == ("a", None, "restart"))
        arm(source, "a", tmp_path / "a", "")
        await until(lambda: source.mode("a") == "events")


async def test_a_flood_lets_other_tasks_run(tmp_path: Path) -> None:
    async with running() as source:
        heard = Heard()
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        flood(tmp_path, QUEUED_EVENTS - 1000)
        turns = 0
        while sum(via == "event" for *_, via in heard.hints) < 1 or source._roots.get("a").events:  # type: ignore[union-attr]
            turns += 1
            await trio.lowlevel.checkpoint()
            if turns > 10_000:
                break
        assert turns > 10


def test_a_stopped_process_is_told_of_its_overflow(tmp_path: Path) -> None:
    root = tmp_path / "r"
    (root / "plans").mkdir(parents=True)
    (root / "tasks").mkdir()
    with MirrorProcess(root) as process:
        process.stop()
        flood(root / "plans", QUEUED_EVENTS + 1000)
        shutil.rmtree(root / "tasks")
        (root / "tasks").mkdir()
        (root / "tasks" / "hidden.md").write_text("while the queue was full")
        process.go_on()
        assert process.ask().startswith("true"), "what was dropped is found"
        (root / "tasks" / "after.md").write_text("1")
        assert process.ask().startswith("true"), "and a folder that was replaced unnoticed is watched"


async def test_the_watches_of_a_detached_root_and_of_dropped_folders_go_at_once(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    async with running() as source:
        source.attach("a", str(tmp_path), Heard())
        arm(source, "a", tmp_path, "", "plans")
        assert source.usage().watches == 2
        source.drop("a", {"plans", "unknown"})
        source.drop("unknown", {"plans"})
        assert source.usage().watches == 1
        source.detach("a")
        assert source.usage().watches == 0
    assert source.usage().instances == 0


async def test_a_folder_that_two_roots_share_stays_watched_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    async with running() as source:
        outer, inner = Heard(), Heard()
        source.attach("outer", str(tmp_path), outer)
        source.attach("inner", str(tmp_path / "inner"), inner)
        arm(source, "outer", tmp_path, "inner")
        arm(source, "inner", tmp_path / "inner", "")
        assert source.usage().watches == 1
        (tmp_path / "inner/a.md").touch()
        await outer.until(lambda: outer.names("inner"))
        await inner.until(lambda: inner.names(""))
        source.detach("outer")
        outer.hints.clear()
        inner.hints.clear()
        (tmp_path / "inner/b.md").touch()
        await inner.until(lambda: inner.names(""))
        assert outer.hints == []


async def test_a_root_that_is_removed_is_looked_at_again_though_it_is_held_open(tmp_path: Path) -> None:
    """The kernel says nothing of the root itself before the last descriptor of it is closed."""
    root = tmp_path / "r"
    (root / "plans").mkdir(parents=True)
    held = os.open(root, os.O_RDONLY)
    async with running() as source:
        heard = Heard()
        source.attach("a", str(root), heard)
        arm(source, "a", root, "", "plans")
        shutil.rmtree(root)
        await heard.until(lambda: heard.names(""))
        before = len(heard.hints)
        await heard.until(lambda: len(heard.hints) > before and heard.hints[-1][1] == frozenset({""}))
    os.close(held)


class FakeKernel:
    """Grants, refuses and reports what a test says; the events go through a real pipe."""

    def __init__(self) -> None:
        self.refuse: dict[str, int] = {}
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK)
        self.added: list[int] = []
        self.removed: list[int] = []
        self.on_add = lambda: None
        self.kernel = Kernel(self.open, self.add, self.remove, dict)

    def open(self) -> int:
        if "open" in self.refuse:
            raise OSError(self.refuse["open"], "refused")
        return os.dup(self.reader)

    def add(self, instance: int, descriptor: int, mask: int) -> int:
        if "add" in self.refuse:
            raise OSError(self.refuse["add"], "refused")
        self.added.append(os.fstat(descriptor).st_ino if len(self.added) % 2 else -os.fstat(descriptor).st_ino)
        number = len(self.added)
        self.on_add()
        return number

    def remove(self, instance: int, number: int) -> None:
        self.removed.append(number)

    def tell(self, number: int, mask: int) -> None:
        os.write(self.writer, struct.pack("iIII", number, mask, 0, 0))

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


@pytest.mark.parametrize(
    ("what", "number", "why"),
    [
        ("add", errno.ENOSPC, "watches"),
        ("add", errno.EMFILE, "files"),
        ("add", errno.EACCES, "refused"),
        ("add", errno.ENOENT, "refused"),  # the folder is there: /proc is not
        ("open", errno.EMFILE, "instances"),
    ],
)
async def test_a_root_that_does_not_fit_is_polled_until_it_does(
    tmp_path: Path, what: str, number: int, why: str
) -> None:
    fake = FakeKernel()
    fake.refuse[what] = number
    async with running(Policy(reconcile_s=3600, retry_s=0.2, poll_s=0.1), fake.kernel) as source:
        heard = Heard()
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        assert source.usage().polled == {"a": why}
        await heard.until(lambda: ("a", None, "poll") in heard.hints)
        fake.refuse.clear()
        heard.hints.clear()
        await heard.until(lambda: ("a", None, "restart") in heard.hints)
        assert source.mode("a") == "poll"
        arm(source, "a", tmp_path, "")
        await until(lambda: source.mode("a") == "events")
        assert source.usage().polled == {}
    fake.close()


async def test_a_root_that_no_longer_fits_gives_its_watches_back(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    fake = FakeKernel()
    async with running(EVENTS, fake.kernel) as source:
        source.attach("a", str(tmp_path), Heard())
        arm(source, "a", tmp_path, "")
        fake.refuse["add"] = errno.ENOSPC
        arm(source, "a", tmp_path, "plans")
        assert fake.removed == [1]
        assert source.usage().watches == 0
    fake.close()


async def test_a_root_with_too_many_folders_is_polled_and_leaves_the_watches_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.watch.inotify.MAX_WATCHES_OF_ROOT", 3)
    for name in "abcd":
        (tmp_path / name).mkdir()
    fake = FakeKernel()
    async with running(EVENTS, fake.kernel) as source:
        for root_id in ("many", "few"):
            source.attach(root_id, str(tmp_path), Heard())
        for name in "abc":
            arm(source, "many", tmp_path, name)
            arm(source, "few", tmp_path, name)
        arm(source, "many", tmp_path, "a")
        assert source.usage().polled == {}
        arm(source, "many", tmp_path, "d")
        assert source.usage().polled == {"many": "folders"}
        assert source.mode("few") == "events"
    fake.close()


async def test_a_folder_that_was_removed_before_it_could_be_watched_is_looked_at_again(tmp_path: Path) -> None:
    """What is made in its place can have its inode number and times: the folder above shows no difference then."""
    (tmp_path / "plans").mkdir()
    heard = Heard()

    def add_watch(instance: int, descriptor: int, mask: int) -> int:
        if not os.fstat(descriptor).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "removed")
        return calls.add_watch(instance, descriptor, mask)

    async with running(EVENTS, Kernel(add_watch=add_watch)) as source:
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        descriptor = os.open(tmp_path / "plans", os.O_RDONLY)
        (tmp_path / "plans").rmdir()
        source.arm("a", "plans", descriptor)
        os.close(descriptor)
        assert source.mode("a") == "events"
        await heard.until(lambda: heard.names("plans"))


async def test_a_watch_that_the_kernel_removed_hints_its_folder(tmp_path: Path) -> None:
    fake = FakeKernel()
    async with running(EVENTS, fake.kernel) as source:
        heard = Heard()
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        fake.tell(1, calls.UNMOUNT)
        fake.tell(1, calls.IGNORED)
        await heard.until(lambda: heard.hints == [("a", frozenset({""}), "event")])
        assert source.usage().watches == 0
        assert fake.removed == [], "it is the kernel's to remove"
    fake.close()


async def test_a_watch_that_is_removed_while_it_is_being_added_is_added_again(tmp_path: Path) -> None:
    """One folder, two roots: dropped for one while the other's thread has the same watch, but has not recorded it."""
    fake = FakeKernel()
    async with running(EVENTS, fake.kernel) as source:
        source.attach("a", str(tmp_path), Heard())
        adding, go_on = trio.Event(), trio.Event()

        def pause() -> None:
            fake.on_add = lambda: None
            trio.from_thread.run_sync(adding.set)
            trio.from_thread.run(go_on.wait)

        fake.on_add = pause
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, lambda: arm(source, "a", tmp_path, ""))
            await adding.wait()
            fake.tell(1, calls.IGNORED)
            await trio.testing.wait_all_tasks_blocked(0.01)
            go_on.set()
        assert len(fake.added) == 2
        assert source.mode("a") == "events"
    fake.close()


async def test_a_watch_for_a_root_that_was_detached_meanwhile_is_given_back(tmp_path: Path) -> None:
    fake = FakeKernel()
    async with running(EVENTS, fake.kernel) as source:
        source.attach("a", str(tmp_path), Heard())
        fake.on_add = lambda: source.detach("a")
        arm(source, "a", tmp_path, "")
        assert fake.removed == [1]
        assert source.usage().watches == 0
    fake.close()


async def test_a_file_system_without_events_is_never_armed(tmp_path: Path) -> None:
    fake = FakeKernel()
    kernel = fake.kernel._replace(read_mounts=lambda: {"/": "ext4", str(tmp_path): "nfs4"})
    async with running(Policy(reconcile_s=3600, retry_s=0.1, poll_s=0.1), kernel) as source:
        heard = Heard()
        source.attach("a", str(tmp_path), heard)
        arm(source, "a", tmp_path, "")
        await heard.until(lambda: len(heard.hints) > 3)
        assert {via for *_, via in heard.hints} == {"poll"}
        assert fake.added == []
        assert source.usage().polled == {"a": "filesystem"}
    fake.close()


UNMOUNTED = """
import os, subprocess, sys
import trio
from tests.support.hint_mirror import Mirror, run_source

async def main(base):
    subprocess.run(["mount", "-t", "tmpfs", "none", base], check=True)
    os.mkdir(f"{base}/plans")
    async with run_source("inotify") as (hints, nursery):
        mirror = Mirror(hints, "a", base)
        await nursery.start(mirror.run)
        assert hints.usage().watches == 2
        subprocess.run(["umount", base], check=True)
        await mirror.settle()
        with trio.fail_after(10):
            await mirror.until(lambda: hints.usage().watches == 1)
        open(f"{base}/beneath.md", "w").close()
        await mirror.settle()
        print("true")

trio.run(main, sys.argv[1])
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a user namespace")
def test_watches_do_not_keep_a_drive_from_being_unmounted(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", UNMOUNTED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("mounting in a user namespace is not allowed here")
    assert done.stdout == "true\n", done.stderr
