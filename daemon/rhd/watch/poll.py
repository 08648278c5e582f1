"""`PollSource`: the `HintSource` that has every root looked at every two seconds."""

from __future__ import annotations

from collections.abc import Collection

import trio

from rhd.watch.hints import Mode, OnHint, Usage
from rhd.watch.watched_roots import Policy, WatchedRoot, WatchedRoots


class PollSource:
    """Implements `HintSource` without asking the system for anything."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._roots = WatchedRoots(policy or Policy(), lambda _: False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Give hints until cancelled."""
        await self._roots.run(task_status=task_status)

    def attach(self, root_id: str, path: str, on_hint: OnHint) -> None:
        """Begin a root. See `HintSource.attach`."""
        self._roots.remove(root_id)
        self._roots.add(WatchedRoot(root_id, path, on_hint, "disabled"))

    def arm(self, root_id: str, folder: str, descriptor: int) -> None:
        """Do nothing: every root is polled."""

    def drop(self, root_id: str, folders: Collection[str]) -> None:
        """Do nothing: every root is polled."""

    def detach(self, root_id: str) -> None:
        """End a root. See `HintSource.detach`."""
        self._roots.remove(root_id)

    def mode(self, root_id: str) -> Mode:
        """Return `poll` for every attached root."""
        return self._roots.mode(root_id)

    def usage(self) -> Usage:
        """Return that nothing is used."""
        return self._roots.usage(0, 0)
