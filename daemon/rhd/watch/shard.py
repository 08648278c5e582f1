"""`Shard`: some folders watched by one RustNotify, which is asked without waiting and without losing anything.

`RustNotify.watch` waits by polling; it throws its pending changes away when its stop event is set and when its
timeout expires, but not when the stop event raises. So a look asks it to poll without pause and leaves by an
exception. One thread can look at every shard this way, at a pace of its own choosing, and a pending change is
either returned or still pending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from watchfiles._rust_notify import RustNotify

from rhd.watch.backlog import Backlog, find_reader, thread_ids

MODIFIED = 2
"""The kind of a change to what was there already; 1 is added, 3 deleted."""

Batch = Set[tuple[int, str]]
"""Changes since the last look: kind and absolute path, each once, in no order."""

Notify = Callable[[list[str], bool, bool, int, bool, bool], Any]
"""RustNotify's constructor: paths, debug, force_polling, poll_delay_ms, recursive, ignore_permission_denied."""

NATIVE: Notify = RustNotify


class CannotWatch(Exception):
    """The kernel refuses one of the folders, or the name of one cannot be said to it."""


class FolderGone(CannotWatch):
    """One of the folders is not there any more."""


class NoMoreWatches(CannotWatch):
    """max_user_watches is used up."""


class NoMoreInstances(CannotWatch):
    """max_user_instances is used up, or the process may open no more files."""


class ShardDied(Exception):
    """The watcher is of no use any more, and what was pending is lost: a name that is not UTF-8, most often."""


class _Glance:
    """The stop event of a look: the first round notes how much is pending, the second returns it, a third is none."""

    __slots__ = ("is_set",)

    is_set: Callable[[], bool]


_TWO_ROUNDS = (False, False)
_NOTHING: Batch = frozenset()


class Shard:
    """Folders, not recursive, watched from construction to `close`. For use by one thread.

    Construction holds the GIL: 15 to 25 us a folder, in a virtual machine that dozes up to 150.

    Attributes:
        paths: what it was built with.
        born: when, by whatever clock its owner keeps.
        live: how many of them nobody else watches by now; its owner keeps count.
        suspect_until: it stands for one that died; until then another death is the fault of what it watches.
        backlog: how far its reader was behind.
        overran_at: when it was last taken that its queue ran over, and it has not been watched anew since; None if not.

    Raises:
        CannotWatch: nothing is watched.
    """

    __slots__ = ("_glance", "_notify", "backlog", "born", "live", "overran_at", "paths", "suspect_until")

    def __init__(
        self, paths: Sequence[str], *, born: float, suspect_until: float = 0.0, notify: Notify = NATIVE
    ) -> None:
        self.paths = tuple(paths)
        self.born = born
        self.live = 0
        self.suspect_until = suspect_until
        self.overran_at: float | None = None
        self._glance = _Glance()
        threads = thread_ids()
        try:
            self._notify = notify(list(paths), False, False, 0, False, False)
        except FileNotFoundError as error:
            raise FolderGone from error
        except (OSError, RuntimeError, UnicodeError) as error:
            # Neither limit has an exception of its own, and the errno is in the text alone.
            if "watch limit" in str(error):
                raise NoMoreWatches from error
            if "os error 24" in str(error):
                raise NoMoreInstances from error
            raise CannotWatch from error
        self.backlog = Backlog(find_reader(threads))

    def look(self) -> Batch:
        """Return what has changed since the last look; empty if nothing has.

        Raises:
            ShardDied: it always will from now on.
        """
        self._glance.is_set = iter(_TWO_ROUNDS).__next__
        try:
            batch: Batch = self._notify.watch(0, 0, 0, self._glance)
        except StopIteration:
            batch = _NOTHING
        except RuntimeError as error:
            raise ShardDied from error
        self.backlog.note(len(batch))
        return batch

    def close(self) -> None:
        """Watch no longer. Its thread and descriptors are freed a moment later."""
        self._notify.close()
