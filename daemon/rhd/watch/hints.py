"""`HintSource`: folders of repositories in, hints out. A hint says that folders may have changed; a look tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, NamedTuple, Protocol

import trio

Via = Literal["event", "poll", "reconcile", "overflow", "clock", "restart"]
"""How a change was noticed.

`event`: the system reported it · `poll`: the root has no events, this is its timer · `reconcile`: the slow timer of
each root · `overflow`: the kernel dropped events because its queue was full · `clock`: the machine was suspended or its
clock was set forward · `restart`: the root is watched by events again after a time without them.
"""

Mode = Literal["events", "poll", "off"]
"""How a root is watched now; `off`: none of its folders is armed."""

Why = Literal["disabled", "filesystem", "watches", "instances", "files", "folders", "overflow", "died", "refused"]
"""Why a root is polled.

`disabled`: the setting `watcher` is `poll` · `filesystem`: its file system reports no events · `watches`,
`instances`: the kernel grants no more of them · `files`: the daemon may open no more files · `folders`: it has more
folders than one repository may have watched · `overflow`: it filled the kernel's queue of events twice within a minute
· `died`: the watcher failed twice within a minute · `refused`: the system refuses to watch one of its folders for
another reason.
"""

OnHint = Callable[[str, frozenset[str] | None, Via], None]
"""Takes a root's id, the folders of it that may have changed (None: all of them), and how that was noticed.

Called in trio's thread. It must neither wait nor raise.
"""


class Usage(NamedTuple):
    """What watching takes of the kernel's limits, and what would raise them.

    Attributes:
        watches: in use by this process.
        instances: in use by this process.
        max_watches: allowed for all processes of the user; None where the system has no such limit.
        max_instances: likewise.
        polled: ids of the roots that are polled, each with the reason.
        advice: the commands that raise a limit that is reached or near; empty if none is.
    """

    watches: int
    instances: int
    max_watches: int | None
    max_instances: int | None
    polled: Mapping[str, Why]
    advice: tuple[str, ...]


class HintSource(Protocol):
    """Watches folders of many roots and says which may have changed.

    Use, for each root: `attach`; then, each time a folder is listed, `arm` it with the descriptor that it is read from,
    after opening and before reading. What changes after that is hinted. A hint for None asks for a listing of every
    folder, which arms them all again. `drop` what is listed no longer.
    """

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Every thread and kernel object is gone when this returns."""

    def attach(self, root_id: str, path: str, on_hint: OnHint) -> None:
        """Begin a root; in trio's thread, without waiting. One of the same id is detached first.

        Args:
            root_id: names the root in hints.
            path: its absolute real path.
            on_hint: takes its hints.
        """

    def arm(self, root_id: str, folder: str, descriptor: int) -> None:
        """Watch a folder of a root, not what is below it; in any thread. It may block in a system call.

        Idempotent. Where the folder cannot be watched the whole root is polled from now on. Unknown roots and roots
        that are polled are ignored.

        Args:
            root_id: the root.
            folder: relative path, separated by slashes; "" is the root itself.
            descriptor: the folder, open. The caller keeps and closes it.
        """

    def drop(self, root_id: str, folders: Collection[str]) -> None:
        """Watch these folders of a root no longer; in any thread, without waiting."""

    def detach(self, root_id: str) -> None:
        """End a root at once; in trio's thread, without waiting. `on_hint` is not called again."""

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""

    def usage(self) -> Usage:
        """Return what watching takes now, and what is allowed."""
