"""What every `HintSource` promises, of the three real ones and of the fake that other rooms are tested with.

A mirror that lists only what is hinted ends up equal to the disk, whatever happens. What a source cannot do is named
where it differs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from rhd.watch.hints import HintSource, Via
from rhd.watch.watched_roots import Policy
from tests.support.hint_mirror import EVENTS, POLLING, Mirror, run_source
from tests.support.hints import FakeHints
from tests.support.random_operations import Disorder
from tests.support.repositories import Repository

ALL = ["inotify", "watchfiles", "poll"]
WITH_EVENTS = ["inotify", "watchfiles"]


def policy_of(watcher: str) -> Policy:
    """Return events alone, or for a source without events, quick polls."""
    return POLLING if watcher == "poll" else EVENTS


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, frozenset[str] | None, Via]] = []
        self._came = trio.Event()

    def __call__(self, root_id: str, folders: frozenset[str] | None, via: Via) -> None:
        self.hints.append((root_id, folders, via))
        self._came.set()
        self._came = trio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(10):
            while not is_so():
                await self._came.wait()

    def names(self, folder: str) -> bool:
        """Say whether a hint covered this folder."""
        return any(folders is None or folder in folders for _, folders, _ in self.hints)


def arm(hints: HintSource, root_id: str, root: Path, *folders: str) -> None:
    for folder in folders:
        descriptor = os.open(root / folder, os.O_RDONLY)
        hints.arm(root_id, folder, descriptor)
        os.close(descriptor)


@pytest.mark.parametrize("watcher", ALL)
async def test_an_armed_folder_is_hinted_and_a_detached_root_is_not(tmp_path: Path, watcher: str) -> None:
    (tmp_path / "a/plans").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    async with run_source(watcher, policy_of(watcher)) as (hints, _):
        first, other = Heard(), Heard()
        assert hints.mode("a") == "off"
        hints.attach("a", str(tmp_path / "a"), first)
        arm(hints, "a", tmp_path / "a", "", "plans", "plans")
        arm(hints, "unknown", tmp_path / "a", "")
        assert hints.mode("a") == ("poll" if watcher == "poll" else "events")
        assert hints.mode("unknown") == "off"
        if watcher == "watchfiles":  # its watcher starts a moment later, and says when
            await first.until(lambda: first.names(""))
            first.hints.clear()
        (tmp_path / "a/plans/x.md").touch()
        await first.until(lambda: first.names("plans"))
        hints.detach("a")
        hints.detach("unknown")
        assert hints.mode("a") == "off"
        first.hints.clear()
        hints.attach("b", str(tmp_path / "b"), other)
        arm(hints, "b", tmp_path / "b", "")
        if watcher == "watchfiles":
            await other.until(lambda: other.names(""))
            other.hints.clear()
        (tmp_path / "a/plans/y.md").touch()
        (tmp_path / "b/y.md").touch()
        await other.until(lambda: other.names(""))
        assert first.hints == []


@pytest.mark.parametrize("watcher", ALL)
async def test_a_second_attach_of_one_id_replaces_the_first(tmp_path: Path, watcher: str) -> None:
    async with run_source(watcher, policy_of(watcher)) as (hints, _):
        before, after = Heard(), Heard()
        hints.attach("a", str(tmp_path), before)
        arm(hints, "a", tmp_path, "")
        hints.attach("a", str(tmp_path), after)
        arm(hints, "a", tmp_path, "")
        (tmp_path / "x.md").touch()
        await after.until(lambda: after.names(""))
        assert before.hints == []


@pytest.mark.parametrize("watcher", ALL)
@pytest.mark.parametrize("seed", [1, 2])
async def test_random_operations_end_in_a_true_mirror(tmp_path: Path, watcher: str, seed: int) -> None:
    async with run_source(watcher, policy_of(watcher)) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path)
        await nursery.start(mirror.run)
        disorder = Disorder(tmp_path, seed)
        for _ in range(10):
            for _ in range(30):
                await trio.to_thread.run_sync(disorder.strike)
            await mirror.settle()
        assert sum(disorder.done.values()) > 100
        allowed = {"inotify": {"event"}, "watchfiles": {"event", "restart"}, "poll": {"poll"}}
        assert set(mirror.vias) <= allowed[watcher]


@pytest.mark.parametrize("watcher", ALL)
async def test_a_folder_made_again_with_the_same_inode_number_is_watched_again(tmp_path: Path, watcher: str) -> None:
    async with run_source(watcher, policy_of(watcher)) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path)
        await nursery.start(mirror.run)
        plans = tmp_path / "plans"
        for number in range(5 if watcher == "watchfiles" else 20):
            shutil.rmtree(plans, ignore_errors=True)
            plans.mkdir()
            await mirror.settle()
            (plans / f"{number}.md").write_text("later")
            await mirror.settle()


@pytest.mark.parametrize("watcher", ALL)
async def test_mkdir_p_and_a_write_at_once_are_never_missed(tmp_path: Path, watcher: str) -> None:
    async with run_source(watcher, policy_of(watcher)) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path)
        await nursery.start(mirror.run)
        for number in range(60):
            deep = tmp_path / f"d{number}" / "e" / "f"
            os.makedirs(deep)
            (deep / "leaf.md").write_text("at once")
            await trio.lowlevel.checkpoint()
        await mirror.settle()
        assert sum("leaf.md" in listing for listing in mirror.snapshot.values()) == 60


@pytest.mark.parametrize("watcher", ALL)
async def test_a_folder_renamed_away_is_followed_by_what_takes_its_place(tmp_path: Path, watcher: str) -> None:
    (tmp_path / "r").mkdir()
    async with run_source(watcher, policy_of(watcher)) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path / "r")
        await nursery.start(mirror.run)
        plans, away = tmp_path / "r" / "plans", tmp_path / "away"
        plans.mkdir()
        (plans / "a.md").write_text("1")
        await mirror.settle()
        plans.rename(away)
        await mirror.settle()
        assert "plans" not in mirror.snapshot
        away.rename(plans)
        await mirror.settle()
        (plans / "a.md").write_text("22")
        await mirror.settle()


@pytest.mark.parametrize("watcher", ALL)
async def test_a_branch_switch_of_300_files_and_back_is_seen_whole(tmp_path: Path, watcher: str) -> None:
    repository = Repository.make_branches(tmp_path / "r")
    async with run_source(watcher, policy_of(watcher)) as (hints, nursery):
        mirror = Mirror(hints, "a", repository.path)
        await nursery.start(mirror.run)
        for branch, count in (("main", 301), ("none", 0), ("main", 301)):
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", branch)
            await mirror.settle()
            assert len(mirror.snapshot.get("plans/prds", {})) == count
        repository.write("plans/prds/7.md", "an edit after the return")
        await mirror.settle()


@pytest.mark.parametrize("watcher", ALL)
async def test_a_name_that_is_not_utf8_hides_nothing(tmp_path: Path, watcher: str) -> None:
    """inotify's watches go on; watchfiles fails of it, and everything is polled after the second time."""
    (tmp_path / "plans").mkdir()
    policy = Policy(reconcile_s=3600, poll_s=0.2) if watcher == "watchfiles" else policy_of(watcher)
    async with run_source(watcher, policy) as (hints, nursery):
        mirror = Mirror(hints, "a", tmp_path)
        await nursery.start(mirror.run)
        for number in range(5):
            with open(os.fsencode(tmp_path) + b"/plans/bad\xff.md", "a") as file:
                file.write("x")
            (tmp_path / "plans" / "beside.md").write_text("x" * number)
            await mirror.settle()
        if watcher == "inotify":
            assert hints.mode("a") == "events"


@pytest.mark.parametrize("watcher", WITH_EVENTS)
async def test_roots_come_and_go_under_writes_and_nothing_is_missed(tmp_path: Path, watcher: str) -> None:
    async with run_source(watcher) as (hints, nursery):
        steady = [Mirror(hints, f"s{number}", tmp_path / f"s{number}") for number in range(3)]
        for mirror in steady:
            os.makedirs(f"{mirror.path}/plans")
            await nursery.start(mirror.run)
        guests = []
        for number in range(20):
            path = tmp_path / f"g{number}"
            path.mkdir()
            guest = Mirror(hints, path.name, path)
            await nursery.start(guest.run)
            guests.append(guest)
            os.makedirs(path / "plans" / "deep")
            (path / "plans" / "deep" / "leaf.md").write_text("at once")
            for mirror in steady:
                Path(mirror.path, "plans", f"{number}.md").write_text("meanwhile")
            if number % 3 == 2:
                hints.detach(guests[number - 2].id)
        here = [guest for guest in guests if hints.mode(guest.id) == "events"]
        assert len(here) == 14
        for mirror in [*steady, *here]:
            await mirror.settle()


def test_the_fake_remembers_what_is_armed() -> None:
    fake, heard = FakeHints(), Heard()
    fake.attach("a", "/r", heard)
    assert fake.mode("a") == "off"
    fake.arm("a", "", 0)
    fake.arm("a", "plans", 0)
    fake.arm("b", "", 0)
    fake.drop("a", {"plans"})
    assert fake.roots["a"].folders == {""}
    assert fake.arms == [("a", ""), ("a", "plans"), ("b", "")]
    fake.modes["a"] = "poll"
    assert fake.mode("a") == "poll"
    fake.hint("a", {"plans"})
    fake.hint("b", None)
    assert heard.hints == [("a", frozenset({"plans"}), "event")]
    fake.detach("a")
    fake.hint("a", None, "clock")
    assert len(heard.hints) == 1
