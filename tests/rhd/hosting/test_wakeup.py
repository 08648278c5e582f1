"""rhd.hosting.wakeup: no call is missed, and each wakes once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from rhd.hosting.wakeup import Wakeup


async def test_a_set_before_the_wait_is_seen_once(autojump_clock: trio.testing.MockClock) -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    with trio.fail_after(1):
        await wakeup.wait()
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await wakeup.wait()


async def test_a_set_while_the_task_works_is_seen_at_its_next_wait(autojump_clock: trio.testing.MockClock) -> None:
    wakeup, seen = Wakeup(), 0

    async def work() -> None:
        nonlocal seen
        while seen < 2:
            await wakeup.wait()
            seen += 1
            await trio.sleep(1)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await trio.testing.wait_all_tasks_blocked()
            wakeup.set()
            await trio.sleep(0.5)
            wakeup.set()
    assert seen == 2


async def test_clear_forgets_and_a_cancelled_wait_does_not(autojump_clock: trio.testing.MockClock) -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.clear()
    with trio.move_on_after(1) as waiting:
        await wakeup.wait()
    assert waiting.cancelled_caught
    wakeup.set()
    with trio.CancelScope() as scope:
        scope.cancel()
        await wakeup.wait()
    with trio.fail_after(1):
        await wakeup.wait()
