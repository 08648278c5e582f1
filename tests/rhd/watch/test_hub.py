"""The hub on a real kernel. A mirror that lists only what is hinted ends up equal to the disk, whatever happens."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rhd.watch.arming import Policy
from rhd.watch.hub import WatchHub
from tests.support.hint_mirror import EVENTS, Mirror, run_hub
from tests.support.hint_mirror_process import QUEUED_EVENTS, MirrorProcess, flood
from tests.support.random_operations import Disorder
from tests.support.repositories import Repository

POLLING = Policy(events=False, poll_s=0.1)


@asynccontextmanager
async def run_mirror(path: Path, policy: Policy = EVENTS) -> AsyncIterator[Mirror]:
    path.mkdir(exist_ok=True)
    async with run_hub(policy) as (hub, nursery):
        mirror = Mirror(hub, "a", path)
        await nursery.start(mirror.run)
        yield mirror


@pytest.mark.parametrize("policy", [EVENTS, POLLING], ids=["events alone", "polling alone"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_random_operations_end_in_a_true_mirror(tmp_path: Path, policy: Policy, seed: int) -> None:
    async with run_mirror(tmp_path / "r", policy) as mirror:
        disorder = Disorder(tmp_path / "r", seed)
        for _ in range(10):
            for _ in range(30):
                await trio.to_thread.run_sync(disorder.strike)
            await mirror.settle()
        assert sum(disorder.done.values()) > 100
        assert set(mirror.vias) == ({"event"} if policy is EVENTS else {"poll"})


async def test_a_folder_made_again_with_the_same_inode_number_is_watched_again(tmp_path: Path) -> None:
    async with run_mirror(tmp_path / "r") as mirror:
        plans = tmp_path / "r" / "plans"
        for number in range(20):
            shutil.rmtree(plans, ignore_errors=True)
            plans.mkdir()
            await mirror.settle()
            (plans / f"{number}.md").write_text("later")
            await mirror.settle()


async def test_mkdir_p_and_write_at_once_is_never_missed(tmp_path: Path) -> None:
    async with run_mirror(tmp_path / "r") as mirror:
        for number in range(60):
            deep = tmp_path / "r" / f"d{number}" / "e" / "f"
            os.makedirs(deep)
            (deep / "leaf.md").write_text("at once")
            await trio.lowlevel.checkpoint()
        await mirror.settle()
        assert sum("leaf.md" in listing for listing in mirror.snapshot.values()) == 60


async def test_a_folder_renamed_away_is_followed_by_what_takes_its_place(tmp_path: Path) -> None:
    async with run_mirror(tmp_path / "r") as mirror:
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


async def test_a_branch_switch_of_300_files_and_back_is_seen_whole(tmp_path: Path) -> None:
    repository = Repository.make_branches(tmp_path / "r")
    async with run_mirror(repository.path) as mirror:
        for branch, count in (("main", 301), ("none", 0), ("main", 301)):
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", branch)
            await mirror.settle()
            assert len(mirror.snapshot.get("plans/prds", {})) == count
        repository.write("plans/prds/7.md", "an edit after the return")
        await mirror.settle()


async def test_a_root_that_is_removed_and_made_again_is_watched_again(tmp_path: Path) -> None:
    root = tmp_path / "r"
    async with run_mirror(root, Policy(poll_s=0.2)) as mirror:
        (root / "plans").mkdir()
        await mirror.settle()
        shutil.rmtree(root)
        await mirror.settle()
        assert mirror.snapshot == {}
        (root / "plans").mkdir(parents=True)
        (root / "plans" / "a.md").write_text("1")
        await mirror.settle()
        with trio.fail_after(5):
            await mirror.until(lambda: mirror.hints.mode("a") == "events")
        (root / "plans" / "b.md").write_text("2")
        await mirror.settle()


async def test_a_name_that_is_not_utf8_harms_its_root_alone_and_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad" / "plans").mkdir(parents=True)
    async with run_hub(Policy(reconcile_s=3600, poll_s=0.2)) as (hub, nursery):
        good, bad = Mirror(hub, "good", tmp_path / "good"), Mirror(hub, "bad", tmp_path / "bad")
        await nursery.start(good.run)
        await nursery.start(bad.run)
        poison = os.fsencode(tmp_path) + b"/bad/plans/poison\xff.md"
        with trio.fail_after(20):
            number = 0
            while hub.mode("bad") != "poll":
                number += 1
                with open(poison, "a") as file:
                    file.write("x")
                (tmp_path / "bad" / "plans" / "beside.md").write_text("x" * number)
                await bad.settle()
        (tmp_path / "bad" / "plans" / "after.md").write_text("polled")
        await bad.settle()
        assert hub.mode("good") == "events"
        (tmp_path / "good" / "a.md").write_text("1")
        await good.settle()
        assert good.vias["event"]
        assert not good.vias["poll"]


async def test_roots_come_and_go_under_writes_and_nobody_misses_anything(tmp_path: Path) -> None:
    async with run_hub() as (hub, nursery):
        steady = [Mirror(hub, f"s{number}", tmp_path / f"s{number}") for number in range(3)]
        for mirror in steady:
            os.makedirs(f"{mirror.path}/plans")
            await nursery.start(mirror.run)
        guests = []
        for number in range(20):
            path = tmp_path / f"g{number}"
            path.mkdir()
            guest = Mirror(hub, path.name, path)
            await nursery.start(guest.run)
            guests.append(guest)
            os.makedirs(path / "plans" / "deep")
            (path / "plans" / "deep" / "leaf.md").write_text("at once")
            for mirror in steady:
                Path(mirror.path, "plans", f"{number}.md").write_text("meanwhile")
            if number % 3 == 2:
                hub.disarm(guests[number - 2].id)
        for mirror in [*steady, *(guest for guest in guests if hub.mode(guest.id) == "events")]:
            await mirror.settle()
        assert sum(hub.mode(guest.id) == "events" for guest in guests) == 14
        assert all(set(mirror.vias) <= {"event"} for mirror in (*steady, *guests))


@pytest.mark.parametrize("how", ["written", "read"])
def test_an_overflow_during_the_shortest_stop_hides_nothing(tmp_path: Path, how: str) -> None:
    """Filling the queue takes 40 ms, and neither the clock nor the changes tell: a few files, or files only read."""
    root = tmp_path / "r"
    (root / "plans").mkdir(parents=True)
    (root / "tasks").mkdir()
    with MirrorProcess(root) as process:
        process.stop()
        flood(root / "plans", QUEUED_EVENTS + 1000, how=how)
        shutil.rmtree(root / "tasks")
        (root / "tasks").mkdir()
        (root / "tasks" / "hidden.md").write_text("while the queue was full")
        process.go_on()
        assert process.ask().startswith("true"), "what was dropped is found"
        (root / "tasks" / "after.md").write_text("1")
        assert process.ask().startswith("true"), "and a folder that was replaced unnoticed is watched"


async def test_arming_waits_until_the_hub_runs(tmp_path: Path) -> None:
    hub = WatchHub(EVENTS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.arm, "a", str(tmp_path), frozenset({""}))
        await trio.testing.wait_all_tasks_blocked()
        assert hub.mode("a") == "off"
        await nursery.start(hub.run)
        with trio.fail_after(5):
            await hub.arm("a", str(tmp_path), frozenset({""}))
        assert hub.mode("a") == "events"
        nursery.cancel_scope.cancel()


async def test_an_arming_that_is_cancelled_goes_on(tmp_path: Path) -> None:
    async with run_hub() as (hub, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await hub.arm("a", str(tmp_path), frozenset({""}))
        with trio.fail_after(5):
            await hub.arm("b", str(tmp_path), frozenset({""}))
        assert hub.mode("a") == "events"


async def test_a_cancelled_run_leaves_no_thread_and_no_instance_and_lets_waiters_go(tmp_path: Path) -> None:
    async with run_hub() as (hub, _):
        await hub.arm("a", str(tmp_path), frozenset({""}))
        assert hub.usage().instances == 1
    assert hub.usage().instances == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "rhd-watch"]


async def test_a_listener_that_raises_ends_the_run_rather_than_go_unnoticed(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        async with trio.open_nursery() as nursery:
            hub = WatchHub(POLLING)
            await nursery.start(hub.run)
            hub.listen("a", fail)
            await hub.arm("a", str(tmp_path), frozenset({""}))
            with trio.fail_after(5):
                await trio.sleep_forever()


async def test_what_is_polled_and_why_stands_in_the_usage(tmp_path: Path) -> None:
    async with run_hub(POLLING) as (hub, _):
        await hub.arm("a", str(tmp_path), frozenset({""}))
        assert hub.mode("a") == "poll"
        assert hub.usage().polled == {"a": "disabled"}
