"""`FakeHints`: a `HintSource` whose hints the test gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import trio

from rhd.watch.hints import Listener, Mode, Usage, Via


class Armed(NamedTuple):
    """What a root was armed with last."""

    path: str
    folders: frozenset[str]


class FakeHints:
    """Watches nothing and remembers everything.

    Attributes:
        roots: what is armed now.
        arms: every call of `arm`, in order: root id and what it was armed with.
        modes: what `mode` answers for an armed root; `events` where nothing is set.
    """

    def __init__(self) -> None:
        self.roots: dict[str, Armed] = {}
        self.arms: list[tuple[str, Armed]] = []
        self.modes: dict[str, Mode] = {}
        self._listeners: dict[str, Listener] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    def listen(self, root_id: str, listener: Listener) -> None:
        self._listeners[root_id] = listener

    async def arm(self, root_id: str, path: str, folders: frozenset[str]) -> None:
        armed = Armed(path.rstrip("/"), folders)
        self.arms.append((root_id, armed))
        self.roots[root_id] = armed
        await trio.lowlevel.checkpoint()

    def disarm(self, root_id: str) -> None:
        self.roots.pop(root_id, None)
        self._listeners.pop(root_id, None)

    def mode(self, root_id: str) -> Mode:
        return self.modes.get(root_id, "events") if root_id in self.roots else "off"

    def usage(self) -> Usage:
        watches = sum(len(armed.folders) for armed in self.roots.values())
        return Usage(watches, 1, 8192, 128, 16384, {}, ())

    def hint(self, root_id: str, folders: Iterable[str] | None, via: Via = "event") -> None:
        """Give a hint, as the real source does: nothing is heard of a root that nobody listens to."""
        if (listener := self._listeners.get(root_id)) is not None:
            listener(root_id, None if folders is None else frozenset(folders), via)
