"""`Shard`: some folders watched by one RustNotify, which is asked without waiting and without losing anything.

`RustNotify.watch` waits by polling; it throws its pending changes away when its stop event is set and when its
timeout expires, but not when the stop event raises. So a look asks it to poll without pause and leaves by an
exception. One thread can look at every shard this way, at a pace of its own choosing, and a pending change is
either returned or still pending.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Sequence, Set
from typing import Any

from watchfiles._rust_notify import RustNotify

from rhd.watch.backlog import Backlog, find_reader, thread_ids
from rhd.watch.limits import may_open

MODIFIED = 2
"""The kind of a change to what was there already; 1 is added, 3 deleted."""

Batch = Set[tuple[int, str]]
"""Changes since the last look: kind and absolute path, each once, in no order."""

Notify = Callable[[list[str], bool, bool, int, bool, bool], Any]
"""RustNotify's constructor: paths, debug, force_polling, poll_delay_ms, recursive, ignore_permission_denied."""

NATIVE: Notify = RustNotify


class CannotWatch(Exception):
    """The folders cannot be watched; a bare one does not know because of which."""


class FolderGone(CannotWatch):
    """One of the folders is not there, or not by this name any more.

    Attributes:
        path: which; None if the answer names none.
    """

    def __init__(self, path: str | None) -> None:
        super().__init__(path)
        self.path = path


class FolderRefused(CannotWatch):
    """The kernel refuses one of the folders, or its name cannot be said to it.

    Attributes:
        path: which one.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class NoRoom(CannotWatch):
    """An allowance is used up."""


class NoMoreWatches(NoRoom):
    """max_user_watches."""


class NoMoreInstances(NoRoom):
    """max_user_instances."""


class NoMoreFiles(NoRoom):
    """The files that the process, or the whole system, may open."""


class ShardDied(Exception):
    """The watcher is of no use any more, and what was pending is lost: a name that is not UTF-8, most often."""


_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NUMBER = re.compile(r"\(os error (\d+)\)")
_ABOUT = re.compile(r'about \["((?:[^"\\]|\\.)*)"\]')
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


class _Glance:
    """The stop event of a look: the first round notes how much is pending, the second returns it, a third is none."""

    __slots__ = ("is_set",)

    is_set: Callable[[], bool]


_TWO_ROUNDS = (False, False)
_NOTHING: Batch = frozenset()


class Shard:
    """Folders, not recursive, watched from construction to `close`. For use by one thread.

    A folder is named to the kernel and not looked at before: that it is not there is the kernel's own answer. Where
    a link has taken its place, what the link leads to is watched; all that comes of it is a hint, and whoever hears
    that looks through the confined root.

    Construction holds the GIL: 15 to 25 us a folder, in a virtual machine that dozes up to 150.

    Attributes:
        paths: what it was built with.
        born: when, by whatever clock its owner keeps.
        live: how many of them nobody else watches by now; its owner keeps count.
        suspect_until: it stands for one that died; until then another death is the fault of what it watches.
        backlog: how far its reader was behind.
        overran_at: when it was last taken that its queue ran over, and it has not been watched anew since; None if not.
        is_stuck: it cannot be made again, and nobody knows because of which folder.

    Raises:
        CannotWatch: nothing is watched.
    """

    __slots__ = ("_glance", "_notify", "backlog", "born", "is_stuck", "live", "overran_at", "paths", "suspect_until")

    def __init__(
        self, paths: Sequence[str], *, born: float, suspect_until: float = 0.0, notify: Notify = NATIVE
    ) -> None:
        self.paths = tuple(paths)
        self.born = born
        self.live = 0
        self.suspect_until = suspect_until
        self.overran_at: float | None = None
        self.is_stuck = False
        self._glance = _Glance()
        threads = thread_ids()
        try:
            self._notify = notify(list(paths), False, False, 0, False, False)
        except (OSError, RuntimeError, UnicodeError) as error:
            raise _refusal(error, paths) from error
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


def _refusal(error: Exception, paths: Sequence[str]) -> CannotWatch:
    """Return what an exception of RustNotify means. Limits have none of their own; the errno is in the text alone."""
    text = str(error).partition(" about [")[0]
    number = int(found[1]) if (found := _NUMBER.search(text)) else None
    path = _path_in(error)
    if isinstance(error, FileNotFoundError) or number in _GONE:
        return FolderGone(path)
    if "watch limit" in text:
        return NoMoreWatches()
    if number == errno.ENFILE:
        return NoMoreFiles()
    if number == errno.EMFILE:  # of instances, or of files
        return NoMoreInstances() if may_open() else NoMoreFiles()
    return FolderRefused(path) if path is not None and path in paths else CannotWatch()


def _path_in(error: Exception) -> str | None:
    """Return the path that an error is about; the text spells it as Rust does a string."""
    if isinstance(error, UnicodeEncodeError):
        return str(error.object)
    if (about := _ABOUT.search(str(error))) is None:
        return None
    return _ESCAPED.sub(lambda e: chr(int(e[1], 16)) if e[1] else _CONTROLS.get(e[2], e[2]), about[1])
