from __future__ import annotations

import math
from typing import Any

import trio

from rhd.repos.pending_hints import DueScan, PendingHints

PLANS, TASKS = frozenset({"plans"}), frozenset({"tasks"})


def told(due: DueScan | None) -> tuple[Any, str]:
    """Return what a scan is of, without the time since when it is due."""
    assert due is not None
    return due.folders, due.via


async def test_hints_are_one_scan_that_names_the_first_of_them() -> None:
    pending = PendingHints()
    assert (pending.take(), pending.next_due) == (None, math.inf)
    pending.add(PLANS, "event")
    pending.add(TASKS, "poll")
    assert told(pending.take()) == (PLANS | TASKS, "event")
    assert pending.take() is None
    pending.add(TASKS, "poll")
    pending.add(None, "overflow")
    pending.add(PLANS, "event")
    assert told(pending.take()) == (None, "poll")


async def test_hints_can_be_replaced_by_one_for_everything() -> None:
    pending = PendingHints()
    pending.add(PLANS, "event")
    pending.replace(None, "restart")
    assert told(pending.take()) == (None, "restart")


async def test_a_scan_that_is_due_later_comes_when_it_is(autojump_clock: Any) -> None:
    pending = PendingHints()
    pending.add_later(PLANS, "event", 2)
    assert pending.next_due == trio.current_time() + 2
    assert pending.take() is None
    await trio.sleep(2)
    assert told(pending.take()) == (PLANS, "event")
    assert pending.next_due == math.inf


async def test_nothing_is_scanned_during_a_pause_and_no_hint_is_lost(autojump_clock: Any) -> None:
    pending = PendingHints()
    pending.add(PLANS, "event")
    pending.pause(1)
    assert pending.take() is None
    assert pending.next_due == trio.current_time() + 1
    await trio.sleep(1)
    assert told(pending.take()) == (PLANS, "event")
