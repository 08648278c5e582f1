from __future__ import annotations

import time

import trio

from rhd.metrics import SECONDS, CallCounts, Histogram, LoopMeter, cumulative


def test_a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() -> None:
    found = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 11.0):
        found.observe(seconds)
    assert (found.counts[0], found.counts[1], found.counts[-1], sum(found.counts)) == (2, 1, 1, 4)
    assert found.sum == 0.0 + 0.001 + 0.0011 + 11.0
    assert cumulative(found.counts)[-1] == 4
    assert len(found.counts) == len(SECONDS) + 1


def test_calls_and_events_are_counted_by_outcome() -> None:
    counts = CallCounts()
    counts.add_call("read", "ok", 0.1)
    counts.add_call("read", "NOT_FOUND", 0.1)
    counts.add_call("read", "ok", 0.1)
    counts.add_event("login.wrong", "ok", 3)
    assert counts.calls == {("read", "ok"): 2, ("read", "NOT_FOUND"): 1}
    assert sum(counts.seconds["read"].counts) == 3
    assert counts.events == {("login.wrong", "ok"): 3}


async def test_a_pass_that_holds_the_loop_is_seen() -> None:
    meter = LoopMeter()
    trio.lowlevel.add_instrument(meter)
    await trio.sleep(0)
    time.sleep(0.003)  # what it measures is the loop being held
    await trio.sleep(0.001)
    trio.lowlevel.remove_instrument(meter)
    assert sum(meter.passes.counts[2:]) >= 1
