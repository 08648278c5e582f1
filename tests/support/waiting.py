"""A bounded wait for what nothing announces: the state of another process, or what a task does once it has run."""

from __future__ import annotations

from collections.abc import Callable

import trio

WITHIN_S = 20.0
PAUSE_S = 0.01


async def until(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Return once `condition` holds; fail if it does not in time."""
    with trio.fail_after(within_s):
        while not condition():
            await trio.sleep(PAUSE_S)
