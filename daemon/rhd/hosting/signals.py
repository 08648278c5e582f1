"""What signals mean: SIGTERM and SIGINT drain, once more they end at once; SIGHUP reloads."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import trio


async def watch_signals(
    stop: trio.Event,
    reload: Callable[[], object],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into `stop` and `reload` until cancelled; in the main thread.

    The second SIGTERM or SIGINT ends the process as it would have without us, whatever drains. A `stop` that was set
    otherwise counts for nothing here: the service manager's SIGTERM then has to find the daemon still draining.

    Args:
        stop: set by the first SIGTERM or SIGINT.
        reload: called at each SIGHUP; it must not raise or wait.
    """
    has_been_asked = False
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                reload()
            elif has_been_asked:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            else:
                has_been_asked = True
                stop.set()
