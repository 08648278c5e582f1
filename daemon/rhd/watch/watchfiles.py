"""`WatchfilesSource`: the `HintSource` of systems without inotify, on watchfiles' public interface.

One watcher for the armed folders of all roots, made anew when their set has changed. What it cannot do:

- It is not told that events were dropped; the slow reconciliation finds what they reported.
- It watches the names of folders instead of the folders that were opened.
- A file name that is not UTF-8 makes it fail. Everything is looked at then; after a second failure within a minute all
  roots are polled for a minute.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import aclosing

import trio
from watchfiles import Change, awatch

from rhd.hosting.wakeup import Wakeup
from rhd.watch.filesystems import lacks_events, read_mounts
from rhd.watch.hints import Mode, OnHint, Usage
from rhd.watch.watched_roots import Policy, WatchedRoot, WatchedRoots

STEP_MS, DEBOUNCE_MS = 20, 100
SETTLE_S = 0.1
"""A new watcher is taken to watch after this long, and everything is looked at then."""

FAILURES_WITHIN_S = 60.0


class WatchfilesSource:
    """Implements `HintSource`."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._roots = WatchedRoots(policy or Policy(), self._can_watch)
        self._changed = Wakeup()
        self._failed_at = -math.inf
        self._token: trio.lowlevel.TrioToken | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. See `HintSource.run`."""
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._roots.run)
            task_status.started()
            while True:
                await self._watch()

    def attach(self, root_id: str, path: str, on_hint: OnHint) -> None:
        """Begin a root. See `HintSource.attach`."""
        self._roots.remove(root_id)
        lacks = lacks_events((path,), read_mounts()) or not _is_utf8(path)
        self._roots.add(WatchedRoot(root_id, path, on_hint, "filesystem" if lacks else None))

    def arm(self, root_id: str, folder: str, descriptor: int) -> None:
        """Watch the folder of this name. See `HintSource.arm`."""
        root = self._roots.get(root_id)
        if root is not None and (root.polled is None or root.is_tried) and folder not in root.watches:
            root.watches[folder] = 0
            self._change()

    def drop(self, root_id: str, folders: Collection[str]) -> None:
        """Watch folders no longer. See `HintSource.drop`."""
        if (root := self._roots.get(root_id)) is not None:
            for folder in folders:
                root.watches.pop(folder, None)

    def detach(self, root_id: str) -> None:
        """End a root. See `HintSource.detach`."""
        if self._roots.remove(root_id) is not None:
            self._change()

    def mode(self, root_id: str) -> Mode:
        """Return how the root is watched now."""
        return self._roots.mode(root_id)

    def usage(self) -> Usage:
        """Return what watching takes now, and what is allowed."""
        watches = sum(len(root.watches) for root in self._roots)
        return self._roots.usage(watches, int(watches > 0))

    async def _watch(self) -> None:
        """Watch what is armed until that changes, or the watcher fails."""
        self._changed.clear()
        stop = trio.Event()
        places: dict[str, list[tuple[WatchedRoot, str]]] = {}
        for root in self._roots:
            for folder in list(root.watches):
                places.setdefault(f"{root.path}/{folder}".rstrip("/") or "/", []).append((root, folder))
        if not places:
            await self._changed.wait()
            return
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_after_change, stop)
                options = {"force_polling": False, "ignore_permission_denied": False, "recursive": False}
                changes = awatch(
                    *places,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    step=STEP_MS,
                    rust_timeout=0,
                    stop_event=stop,
                    **options,
                )
                async with aclosing(changes):
                    async for batch in changes:
                        self._interpret(batch, places)
                nursery.cancel_scope.cancel()
        except* FileNotFoundError:  # a folder is gone: the look that follows drops it
            self._roots.hint_all("restart")
            await trio.sleep(SETTLE_S)
        except* (OSError, RuntimeError):
            self._fail()
            await trio.sleep(SETTLE_S)

    def _interpret(
        self, batch: Collection[tuple[Change, str]], places: dict[str, list[tuple[WatchedRoot, str]]]
    ) -> None:
        dirty: dict[WatchedRoot, set[str]] = {}
        for change, path in batch:
            for root, folder in (*places.get(path.rpartition("/")[0] or "/", ()), *places.get(path, ())):
                dirty.setdefault(root, set()).add(folder)
            if path in places and change == Change.added:  # another folder of that name, which is not watched
                self._change()
        for root, folders in dirty.items():
            if self._roots.get(root.id) is root:
                root.hint(frozenset(folders), "event")

    async def _stop_after_change(self, stop: trio.Event) -> None:
        """Have everything looked at once the watcher watches; end it when it is to watch something else.

        Its thread cannot be cancelled, but asks for `stop` every `STEP_MS`.
        """
        try:
            await trio.sleep(SETTLE_S)
            self._roots.hint_all("restart")
            await self._changed.wait()
            await trio.sleep(SETTLE_S)
        finally:
            stop.set()

    def _fail(self) -> None:
        now = trio.current_time()
        is_again, self._failed_at = now < self._failed_at + FAILURES_WITHIN_S, now
        for root in self._roots:
            if (is_again and root.polled is None) or root.is_tried:
                root.watches.clear()
                self._roots.poll(root, "died")
        self._roots.hint_all("restart")

    def _can_watch(self, root: WatchedRoot) -> bool:
        return root.polled == "died"

    def _change(self) -> None:
        if self._token is not None:
            self._token.run_sync_soon(lambda: self._changed.set())


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
