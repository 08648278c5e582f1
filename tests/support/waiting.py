"""A bounded wait for what nothing announces: the state of another process, or what a task does once it has run."""

from __future__ import annotations

from collections.abc import Callable

import trio

from rhd.hosting.wakeup import Wakeup
from rhd.ids import Cursor
from rhd.repos.change_log import ChangeLog, Since

WITHIN_S = 20.0
PAUSE_S = 0.01


async def until(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Return once `condition` holds; fail if it does not in time."""
    with trio.fail_after(within_s):
        while not condition():
            await trio.sleep(PAUSE_S)


async def next_changes(log: ChangeLog, cursor: Cursor, within_s: float = 10.0) -> Since:
    """Return what changed after `cursor`, once anything has; fail if nothing does in time."""
    wakeup = Wakeup()
    end = log.subscribe(lambda entries: wakeup.set())
    try:
        with trio.fail_after(within_s):
            while not (found := await log.since(cursor)).changes and not found.reset:
                await wakeup.wait()
        return found
    finally:
        end()
