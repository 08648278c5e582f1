"""How long a client is kept waiting."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from rhd.service.waits import Waits


async def test_a_wait_is_over_at_its_end(autojump_clock: MockClock) -> None:
    waits, begun = Waits(), trio.current_time()
    with waits.at_most(25):
        await trio.sleep_forever()
    assert trio.current_time() - begun == 25
    assert not waits._scopes


async def test_every_wait_is_over_at_once_when_they_are_ended(autojump_clock: MockClock) -> None:
    waits, over = Waits(), 0
    begun = trio.current_time()

    async def wait() -> None:
        nonlocal over
        with waits.at_most(1e6):
            await trio.sleep_forever()
        over += 1

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        waits.end()
    assert (over, trio.current_time() - begun) == (3, 0)


async def test_a_wait_that_begins_later_is_over_before_it_begins(autojump_clock: MockClock) -> None:
    waits = Waits()
    waits.end()
    begun = trio.current_time()
    with waits.at_most(25):
        await trio.sleep_forever()
    assert trio.current_time() == begun


async def test_what_was_waited_for_is_what_comes_out() -> None:
    waits, found = Waits(), None
    with waits.at_most(25):
        found = "it"
        await trio.lowlevel.checkpoint()
    assert found == "it"
    waits.end()  # and nobody is left to be told
