"""Work that grows with the number of artifacts: of a large repository it runs in a thread, so that the loop goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tool_context import ToolContext

T = TypeVar("T")

FEW = 500
"""So many artifacts are looked through on the loop: faster than a thread is started."""


async def look_through(context: ToolContext, caller: Caller, count: int, job: Callable[[], T]) -> T:
    """Return what `job` returns.

    Jobs in threads take turns, fairly by caller: one client that lists a large repository again and again does not
    keep the others waiting. A caller that leaves abandons its job.

    Args:
        count: how many artifacts it looks at.
        job: reads artifacts, which never change, and nothing else.
    """
    if count <= FEW:
        return job()
    async with context.large_lists.take(caller.identity):
        return await trio.to_thread.run_sync(job, abandon_on_cancel=True)
