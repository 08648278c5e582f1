"""`Outbox`: hints on their way from the watcher's thread to trio's, coalesced while trio is busy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

import trio

from rhd.watch.hints import Via


class Hint(NamedTuple):
    """What a listener is told. See `Listener`."""

    root_id: str
    folders: frozenset[str] | None
    via: Via


class Outbox:
    """At most one hint a root, however long nobody takes them: what is held is bounded by what is watched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hints: dict[str, Hint] = {}
        self._settled: list[trio.Event] = []
        self._ring: Callable[[], None] | None = None

    def open(self, ring: Callable[[], None]) -> None:
        """Call `ring`, from the watcher's thread, whenever there is something to take from now on."""
        self._ring = ring

    def hint(self, root_id: str, folders: Iterable[str] | None, via: Via) -> None:
        """Add a hint. Everything swallows folders, and how that was noticed is what is told then."""
        with self._lock:
            held = self._hints.get(root_id)
            if held is None:
                self._hints[root_id] = Hint(root_id, None if folders is None else frozenset(folders), via)
            elif held.folders is None:
                return
            elif folders is None:
                self._hints[root_id] = Hint(root_id, None, via)
            else:
                self._hints[root_id] = held._replace(folders=held.folders.union(folders))

    def settle(self, waiting: Iterable[trio.Event]) -> None:
        """Let those go on who waited for a root to be watched; what was hinted before is heard before."""
        with self._lock:
            self._settled.extend(waiting)

    def post(self) -> None:
        """Ring if there is something to take."""
        if self._ring is not None and (self._hints or self._settled):
            self._ring()

    def take(self) -> tuple[list[Hint], list[trio.Event]]:
        """Return what has gathered, hints first to be told, then the events to set."""
        with self._lock:
            hints, self._hints = list(self._hints.values()), {}
            settled, self._settled = self._settled, []
        return hints, settled
