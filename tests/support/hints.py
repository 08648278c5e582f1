"""`FakeHints`: a `HintSource` whose hints the test gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import trio

from rhd.watch.hints import Mode, OnHint, Usage, Via


class Armed(NamedTuple):
    """A root that is attached, and the folders of it that are armed."""

    path: str
    on_hint: OnHint
    folders: set[str]


class FakeHints:
    """Watches nothing and remembers everything.

    Attributes:
        roots: what is attached now.
        arms: every call of `arm`, in order.
        modes: what `mode` answers for an attached root; `events` where nothing is set.
    """

    def __init__(self) -> None:
        self.roots: dict[str, Armed] = {}
        self.arms: list[tuple[str, str]] = []
        self.modes: dict[str, Mode] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    def attach(self, root_id: str, path: str, on_hint: OnHint) -> None:
        self.roots[root_id] = Armed(path, on_hint, set())

    def arm(self, root_id: str, folder: str, descriptor: int) -> None:
        self.arms.append((root_id, folder))
        if root_id in self.roots:
            self.roots[root_id].folders.add(folder)

    def drop(self, root_id: str, folders: Collection[str]) -> None:
        if root_id in self.roots:
            self.roots[root_id].folders.difference_update(folders)

    def detach(self, root_id: str) -> None:
        self.roots.pop(root_id, None)

    def mode(self, root_id: str) -> Mode:
        is_armed = root_id in self.roots and self.roots[root_id].folders
        return self.modes.get(root_id, "events") if is_armed else "off"

    def usage(self) -> Usage:
        watches = sum(len(root.folders) for root in self.roots.values())
        return Usage(watches, 1, 8192, 128, {}, ())

    def hint(self, root_id: str, folders: Iterable[str] | None, via: Via = "event") -> None:
        """Give a hint, as a real source does: none of a root that is not attached."""
        if (root := self.roots.get(root_id)) is not None:
            root.on_hint(root_id, None if folders is None else frozenset(folders), via)
