from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from rhd.watch.hints import Why
from rhd.watch.watched_roots import CLOCKS_S, Policy, WatchedRoot, WatchedRoots


class Setting:
    """WatchedRoots under a clock that jumps to the next timer, and what they hint, with the second of each hint."""

    def __init__(self, policy: Policy) -> None:
        self.can_watch = False
        self.wall = 0.0
        self.hints: list[tuple[str, Any, str]] = []
        self.times: list[float] = []
        self.roots = WatchedRoots(policy, lambda _: self.can_watch, wall=lambda: trio.current_time() + self.wall)

    def add(self, root_id: str, polled: Why | None = None) -> WatchedRoot:
        root = WatchedRoot(root_id, f"/{root_id}", self.hear, polled)
        self.roots.add(root)
        return root

    def hear(self, root_id: str, folders: Any, via: str) -> None:
        self.hints.append((root_id, folders, via))
        self.times.append(trio.current_time())

    def count(self, via: str) -> int:
        return sum(hint[2] == via for hint in self.hints)


@asynccontextmanager
async def running(policy: Policy = Policy()) -> AsyncIterator[Setting]:  # noqa: B008
    setting = Setting(policy)
    async with trio.open_nursery() as nursery:
        await nursery.start(setting.roots.run)
        yield setting
        nursery.cancel_scope.cancel()


async def test_a_polled_root_is_hinted_whole_once_a_period(autojump_clock: Any) -> None:
    async with running() as setting:
        setting.add("a", "disabled")
        await trio.sleep(10.5)
        assert setting.count("poll") == 5
        assert set(setting.hints) == {("a", None, "poll")}
        assert setting.roots.usage(0, 0).polled == {"a": "disabled"}


async def test_polls_of_many_roots_are_spread_over_the_period(autojump_clock: Any) -> None:
    async with running() as setting:
        for number in range(50):
            setting.add(str(number), "disabled")
        start = trio.current_time()
        await trio.sleep(2)
        tenths = [int((at - start) * 10) for at in setting.times]
        assert all(tenths.count(tenth) <= 5 for tenth in tenths)


async def test_a_watched_root_is_reconciled_once_a_period(autojump_clock: Any) -> None:
    async with running() as setting:
        setting.add("a")
        await trio.sleep(3 * 3601)
        assert setting.hints == [("a", None, "reconcile")] * 3


async def test_without_polling_no_timer_hints(autojump_clock: Any) -> None:
    async with running(Policy(polling=False)) as setting:
        setting.add("a", "disabled")
        setting.add("b")
        await trio.sleep(2000)
        assert setting.hints == []


async def test_a_root_that_begins_to_be_polled_is_hinted_from_then_on(autojump_clock: Any) -> None:
    async with running() as setting:
        root = setting.add("a")
        await trio.sleep(100)
        await trio.to_thread.run_sync(setting.roots.poll, root, "watches")
        await trio.sleep(10.1)
        assert setting.count("poll") == 5


async def test_a_polled_root_that_can_be_watched_again_is_tried_and_ends_polling(autojump_clock: Any) -> None:
    async with running() as setting:
        root = setting.add("a", "watches")
        await trio.sleep(100)
        assert setting.count("restart") == 0
        setting.can_watch = True
        await trio.sleep(60)
        assert setting.count("restart") == 1
        assert root.polled == "watches", "nothing was armed, so it does not count as watched"
        root.watches[""] = 1
        await trio.sleep(3)
        assert root.polled is None
        assert setting.hints[-1][2] == "poll", "what happened while it was tried is found"
        setting.hints.clear()
        await trio.sleep(30)
        assert setting.hints == []


async def test_a_root_whose_trial_fails_goes_on_being_polled(autojump_clock: Any) -> None:
    async with running() as setting:
        root = setting.add("a", "watches")
        setting.can_watch = True
        await trio.sleep(61)
        root.watches[""] = 1
        setting.roots.poll(root, "watches")
        await trio.sleep(3)
        assert root.polled == "watches"


async def test_a_removed_root_is_hinted_no_more(autojump_clock: Any) -> None:
    async with running() as setting:
        root = setting.add("a", "disabled")
        assert setting.roots.get("a") is root
        assert setting.roots.remove("a") is root
        assert setting.roots.remove("a") is None
        setting.roots.poll(root, "watches")
        await trio.sleep(700)
        assert setting.hints == []


@pytest.mark.parametrize("ahead_s", [1.5, 7200.0])
async def test_a_wall_clock_that_ran_ahead_means_a_suspended_machine(autojump_clock: Any, ahead_s: float) -> None:
    async with running() as setting:
        setting.add("a")
        await trio.sleep(1)
        setting.wall += ahead_s
        await trio.sleep(CLOCKS_S)
        assert setting.count("clock") == 1
        setting.wall -= ahead_s
        await trio.sleep(CLOCKS_S)
        assert setting.count("clock") == 1, "a clock that is set back hides nothing"


async def test_idle_roots_wake_the_loop_rarely(autojump_clock: Any) -> None:
    class Wakes(trio.abc.Instrument):
        count = 0

        def before_io_wait(self, timeout: float) -> None:
            self.count += timeout > 0

    async with running() as setting:
        for number in range(100):
            setting.add(str(number))
        wakes = Wakes()
        trio.lowlevel.add_instrument(wakes)
        await trio.sleep(600)
        assert wakes.count <= 100 + 600 / CLOCKS_S + 20
