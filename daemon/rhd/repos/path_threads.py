"""`PathThreads`: look-ups by path, outside of any adopted repository.

A path that a person names can lie on a mount that does not answer. Each mount has a few threads, so that one that
hangs takes no thread from another, and no look-up is waited for without a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from rhd.errors import Refusal
from rhd.watch.filesystems import read_mounts
from rhwire.escape import escape

T = TypeVar("T")

PER_MOUNT = 16
ANSWER_WITHIN_S = 5.0


class PathThreads:
    """Threads by mount."""

    def __init__(self) -> None:
        self._limiters: dict[str, trio.CapacityLimiter] = {}

    async def run(self, path: str, look: Callable[[], T], *, within_s: float | None = None) -> T:
        """Run `look`, which touches `path`, in a thread. A call that does not return in time is abandoned.

        Args:
            path: absolute; only the mount that it is on matters, and the table of mounts says which.
            look: what to run.
            within_s: how long to wait, a place among the mount's threads included (default: 5 s).

        Raises:
            Refusal: TIMEOUT, the file system does not answer.
            Exception: whatever `look` raises.
        """
        limiter = self._limiters.setdefault(_mount_of(path), trio.CapacityLimiter(PER_MOUNT))
        with trio.move_on_after(ANSWER_WITHIN_S if within_s is None else within_s):
            return await trio.to_thread.run_sync(look, limiter=limiter, abandon_on_cancel=True)
        raise does_not_answer(path)


def does_not_answer(path: str) -> Refusal:
    """Return the refusal of a path whose file system hangs."""
    return Refusal(
        f"the file system at {escape(path)} does not answer",
        code="TIMEOUT",
        next_step="Look whether what is mounted there is reachable, or unmount it.",
    )


def _mount_of(path: str) -> str:
    mounts = read_mounts()
    while path not in mounts and path not in ("", "/"):
        path = path.rpartition("/")[0]
    return path or "/"
