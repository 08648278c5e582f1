"""Strangers take turns."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from rhd.hosting.fair_queue import LEAST_S, PAUSE, FairQueue, step_aside


async def test_a_stranger_alone_does_not_wait(autojump_clock: MockClock) -> None:
    turns = FairQueue()
    start = trio.current_time()
    async with turns.take():
        pass
    assert trio.current_time() == start


async def test_between_two_turns_twice_as_long_as_one_took_is_left_to_others(autojump_clock: MockClock) -> None:
    turns, begun = FairQueue(), []

    async def stranger() -> None:
        async with turns.take():
            begun.append(trio.current_time())
            await trio.sleep(0.5)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(stranger)
    gaps = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert gaps == [pytest.approx(0.5 * (1 + PAUSE))] * 3


async def test_a_turn_that_took_nothing_costs_something(autojump_clock: MockClock) -> None:
    turns = FairQueue()
    start = trio.current_time()
    for _ in range(100):
        async with turns.take():
            pass
    assert trio.current_time() - start == pytest.approx(99 * PAUSE * LEAST_S)


async def test_who_came_first_is_served_first(autojump_clock: MockClock) -> None:
    turns, order = FairQueue(), []

    async def stranger(number: int) -> None:
        async with turns.take():
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(stranger, number)
            await trio.testing.wait_all_tasks_blocked()
    assert order == list(range(20))


async def test_who_waits_for_something_else_steps_aside_for_the_next(autojump_clock: MockClock) -> None:
    turns = FairQueue()

    async def long_one() -> None:
        async with turns.take(), trio.open_nursery() as nursery:
            # As frameworks do: the turn is ended by a task that the first one started.
            nursery.start_soon(waits)

    async def waits() -> None:
        step_aside()
        step_aside()
        await trio.sleep(3600)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(long_one)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        async with turns.take():
            pass
        assert trio.current_time() - start < 1
        nursery.cancel_scope.cancel()


async def test_who_goes_away_while_waiting_keeps_nobody_waiting(autojump_clock: MockClock) -> None:
    turns = FairQueue()
    turns.next_at = trio.current_time() + 10
    for _ in range(3):
        with trio.move_on_after(1):
            async with turns.take():
                raise AssertionError("it was not its turn yet")
    async with turns.take():
        pass


async def test_a_failure_ends_the_turn() -> None:
    turns = FairQueue()
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with turns.take():
                raise RuntimeError
    with trio.fail_after(5):
        async with turns.take():
            pass


async def test_outside_of_a_turn_there_is_nothing_to_step_aside_from() -> None:
    step_aside()
