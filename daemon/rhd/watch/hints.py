"""`HintSource`: roots in, hints out. A hint says that folders may have changed; only looking tells whether they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

import trio

Via = Literal["event", "poll", "reconcile", "overflow", "clock", "restart"]
"""How a change was noticed.

`event`: the kernel said so · `poll`: the root has no events, this is its timer · `reconcile`: the slow timer of every
root · `overflow`: so many events at once that some may be missing · `clock`: the process stood still (suspend,
SIGSTOP) · `restart`: the root's watcher died, or watches it again after a time without events.
"""

Mode = Literal["events", "poll", "off"]
"""How a root is watched now; `off`: not armed, or what it would need is switched off."""

Why = Literal["disabled", "filesystem", "watches", "instances", "files", "died", "refused", "missing"]
"""Why a root is polled.

`filesystem`: it tells of no events · `watches`, `instances`: the kernel grants no more of them · `files`: nor may the
daemon open more files · `died`: the watcher died of it twice within a period, as it does of names that are not UTF-8 ·
`refused`: none of its folders may be watched, or their names are not UTF-8 · `missing`: its folder is not there ·
`disabled`: events are switched off.
"""

Listener = Callable[[str, frozenset[str] | None, Via], None]
"""Takes a root's id, the folders of it that may have changed (None: everything), and how that was noticed.

Called on trio's thread, one step's events at a time. It must neither wait nor raise.
"""


class Usage(NamedTuple):
    """What watching takes of the kernel's allowances, and what would widen them.

    Attributes:
        watches: in use by this process; those of retired watchers count until they are closed.
        instances: likewise.
        max_watches: allowed for all processes of the user; None where the system knows no such limit.
        max_instances: likewise.
        max_queued_events: events that one instance holds before it drops some.
        polled: root ids without events, each with the reason.
        advice: the exact commands that widen a limit that is reached or near; empty if none is.
        refused: root ids with events, each with those of its folders that may not be watched: they are polled alone.
    """

    watches: int
    instances: int
    max_watches: int | None
    max_instances: int | None
    max_queued_events: int | None
    polled: Mapping[str, Why]
    advice: tuple[str, ...]
    refused: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class HintSource(Protocol):
    """Watches folders of many roots and says which may have changed.

    The protocol of use, for each root: `listen`; list the folders; `arm` them; list again, and `arm` again if the
    folders differ, until they do not. What changes after the last listing is then hinted. Whoever is hinted lists
    what the hint names, and arms again whenever the set of folders has changed.
    """

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Every thread and kernel object is gone when this returns."""

    def listen(self, root_id: str, listener: Listener) -> None:
        """Give the hints of a root to `listener` from now on; it replaces an earlier one."""

    async def arm(self, root_id: str, path: str, folders: frozenset[str]) -> None:
        """Watch exactly these folders of a root from now on; return once they are watched, or the root is polled.

        Idempotent. Folders that are not there are skipped: the folder above says when they appear. A smaller set
        disarms the rest lazily. If this is cancelled, the arming goes on.

        Args:
            root_id: names the root in hints.
            path: the root's absolute real path. Another one than before means another root of that name.
            folders: paths relative to it, separated by slashes, not recursive; "" is the root itself.
        """

    def disarm(self, root_id: str) -> None:
        """Watch a root no longer; its listener hears nothing more."""

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""

    def usage(self) -> Usage:
        """Return what watching takes now, and what is allowed."""
