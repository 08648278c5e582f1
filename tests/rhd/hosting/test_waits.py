from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rhd.hosting.waits import Waits


async def test_a_wait_is_over_after_its_time(autojump_clock: MockClock) -> None:
    with Waits().at_most(25):
        await trio.sleep_forever()
    assert trio.current_time() == 25


async def test_what_happens_before_ends_it_earlier(autojump_clock: MockClock) -> None:
    with Waits().at_most(25):
        await trio.sleep(3)
    assert trio.current_time() == 3


async def test_every_wait_ends_together_and_those_after_that_at_once(autojump_clock: MockClock) -> None:
    waits, over = Waits(), []

    async def wait(number: int) -> None:
        with waits.at_most(25):
            await trio.sleep_forever()
        over.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(wait, number)
        await wait_all_tasks_blocked()
        waits.end()
    assert sorted(over) == [0, 1, 2]
    await wait(3)
    assert trio.current_time() == 0


async def test_a_wait_that_is_over_is_not_remembered(autojump_clock: MockClock) -> None:
    waits = Waits()
    with waits.at_most(1):
        await trio.sleep_forever()
    assert waits._scopes == set()
    waits.end()


async def test_what_needs_no_waiting_is_still_done_after_the_end() -> None:
    waits, done = Waits(), []
    waits.end()
    with waits.at_most(25):
        done.append("what is known now")
        await trio.lowlevel.checkpoint()
        done.append("more")
    assert done == ["what is known now"]
