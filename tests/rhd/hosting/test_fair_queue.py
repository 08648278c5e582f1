"""Unauthenticated work takes turns."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from rhd.hosting.fair_queue import (
    ACTIVE_S,
    IDLE_PAUSE,
    LEAST_S,
    MAX_CONNECTIONS,
    MAX_LANES,
    MOST_S,
    PAUSE,
    FairQueue,
    step_aside,
)


@pytest.fixture(autouse=True)
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns of seconds, by a clock that jumps, count in full."""
    monkeypatch.setattr("rhd.hosting.fair_queue.MOST_S", 1e9)


async def test_one_request_alone_does_not_wait(autojump_clock: MockClock) -> None:
    queue = FairQueue(clock=trio.current_time)
    start = trio.current_time()
    async with queue.take():
        pass
    assert trio.current_time() == start


async def test_between_two_turns_twice_as_long_as_one_took_is_left_to_others(autojump_clock: MockClock) -> None:
    queue, begun = FairQueue(clock=trio.current_time), []

    async def stranger() -> None:
        async with queue.take():
            begun.append(trio.current_time())
            await trio.sleep(0.5)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(stranger)
    gaps = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert gaps == [pytest.approx(0.5 * (1 + PAUSE))] * 3


async def test_less_is_left_to_others_while_no_client_is_active(autojump_clock: MockClock) -> None:
    queue = FairQueue(PAUSE, IDLE_PAUSE, trio.current_time)

    async def pause_after_turn() -> float:
        async with queue.take():
            await trio.sleep(ACTIVE_S / 2)
        return (queue.next_at - trio.current_time()) / (ACTIVE_S / 2)

    assert await pause_after_turn() == pytest.approx(IDLE_PAUSE)
    await trio.sleep(1)
    queue.begin_active()
    await trio.sleep(1)
    assert await pause_after_turn() == pytest.approx(PAUSE)
    await trio.sleep(1)
    queue.end_active()
    assert await pause_after_turn() == pytest.approx(PAUSE), "a client that has just been answered may go on"
    await trio.sleep(1)
    assert await pause_after_turn() == pytest.approx(IDLE_PAUSE)


async def test_a_turn_that_took_nothing_costs_something(autojump_clock: MockClock) -> None:
    queue = FairQueue(clock=trio.current_time)
    start = trio.current_time()
    for _ in range(100):
        async with queue.take():
            pass
    assert trio.current_time() - start == pytest.approx(99 * PAUSE * LEAST_S)


async def test_the_time_of_other_tasks_is_not_a_turn_s(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.hosting.fair_queue.MOST_S", MOST_S)
    queue = FairQueue(clock=trio.current_time)
    async with queue.take():
        await trio.sleep(1)
    assert queue.next_at - trio.current_time() == pytest.approx(PAUSE * MOST_S)


async def test_within_a_lane_the_first_that_came_is_served_first(autojump_clock: MockClock) -> None:
    queue, order = FairQueue(clock=trio.current_time), []

    async def stranger(number: int) -> None:
        async with queue.take("lane"):
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(stranger, number)
            await trio.testing.wait_all_tasks_blocked()
    assert order == list(range(20))


async def test_a_connection_that_comes_for_the_first_time_does_not_wait_for_those_that_come_again_and_again(
    autojump_clock: MockClock,
) -> None:
    queue, order = FairQueue(clock=trio.current_time), []

    async def attacker(number: int) -> None:
        for _ in range(3):
            async with queue.take("lane", number):
                order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(attacker, number)
        while len(order) < 60:  # each of them was served once, some twice
            await trio.sleep(LEAST_S)
        async with queue.take("lane", "new"):
            assert len(order) <= 62
    assert all(sorted(order[n : n + 50]) == list(range(50)) for n in (0, 50, 100)), "and those take turns"


async def test_connections_are_remembered_within_a_bound() -> None:
    queue = FairQueue(0)
    for number in range(MAX_CONNECTIONS + 10):
        async with queue.take("lane", number):
            pass
    assert len(queue._served) == MAX_CONNECTIONS


async def test_lanes_share_the_time_whatever_each_turn_costs(autojump_clock: MockClock) -> None:
    queue, order = FairQueue(clock=trio.current_time), []

    async def stranger(lane: str, cost_s: float) -> None:
        async with queue.take(lane):
            order.append(lane)
            await trio.sleep(cost_s)

    async with trio.open_nursery() as nursery:
        for lane, cost_s, number in (("dear", 0.1, 40), ("cheap", 0.01, 40)):
            for _ in range(number):
                nursery.start_soon(stranger, lane, cost_s)
            await trio.testing.wait_all_tasks_blocked()
    assert order[:45].count("cheap") == 40, "ten cheap ones for each dear one"
    assert order[:45].count("dear") == 5


async def test_a_lane_that_was_empty_has_no_claim_to_the_past(autojump_clock: MockClock) -> None:
    queue, order = FairQueue(clock=trio.current_time), []

    async def stranger(lane: str) -> None:
        async with queue.take(lane):
            order.append(lane)
            await trio.sleep(0.1)

    for _ in range(50):
        await stranger("old")
    order.clear()
    async with trio.open_nursery() as nursery:
        for lane in ("old", "new"):
            for _ in range(10):
                nursery.start_soon(stranger, lane)
            await trio.testing.wait_all_tasks_blocked()
    assert order[:10].count("new") in (4, 5, 6)


async def test_lanes_are_forgotten_once_nothing_waits_in_them() -> None:
    queue = FairQueue(0)
    for number in range(3 * MAX_LANES):
        async with queue.take(str(number)):
            pass
    assert len(queue._lanes) <= MAX_LANES + 1


async def test_one_that_waits_for_something_else_steps_aside_for_the_next(autojump_clock: MockClock) -> None:
    queue = FairQueue(clock=trio.current_time)

    async def long_one() -> None:
        async with queue.take(), trio.open_nursery() as nursery:
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
        async with queue.take():
            pass
        assert trio.current_time() - start < 1
        nursery.cancel_scope.cancel()


async def test_one_that_leaves_keeps_no_other_waiting(autojump_clock: MockClock) -> None:
    """Before its turn, as the next, and at the moment when it is handed the turn."""
    queue, order = FairQueue(clock=trio.current_time), []
    queue.next_at = trio.current_time() + 10

    async def stranger(name: str, within_s: float) -> None:
        with trio.move_on_after(within_s):
            async with queue.take(name):
                order.append(name)

    async with trio.open_nursery() as nursery:
        for name, within_s in (("a", 1), ("b", 2), ("c", 3), ("d", 10), ("e", 60)):
            nursery.start_soon(stranger, name, within_s)
            await trio.testing.wait_all_tasks_blocked()
    assert "e" in order
    assert not set(order) & set("abc")
    with trio.fail_after(5):
        await stranger("again", 5)
    assert order[-1] == "again"


async def test_a_failure_ends_the_turn() -> None:
    queue = FairQueue(clock=trio.current_time)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with queue.take():
                raise RuntimeError
    with trio.fail_after(5):
        async with queue.take():
            pass


async def test_outside_of_a_turn_there_is_nothing_to_step_aside_from() -> None:
    step_aside()
