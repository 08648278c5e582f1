"""`Backlog`: how far the reader of one inotify queue was behind, which is all that tells of a queue that ran over.

RustNotify does not say that the kernel dropped events, and what it returns does not give it away: twenty thousand
writes to four files are four changes, and opens, which fill the queue as well, are none. But whatever filled the queue
is read from it, and nothing but reading keeps the reader's thread from sleeping: a thread that worked for long without
a sleep had a long queue before it. How long the process stood still, what held the GIL, and which thread the scheduler
kept waiting makes no difference to that.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Protocol

from rhd.watch.limits import read_limits

READ_S = 0.5e-6
"""What reading one event takes: half of that for one that RustNotify has no use for."""

SLEEP_S = 20e-6
"""What one sleep accounts for. A thread that keeps up is woken for nearly every event, and that takes 6 to 19 us."""

LEAK = 0.01
"""Share of a core that a reader works, sleeps apart, without being behind."""

LONG = 5
"""A backlog of this fraction of what the kernel queues may have been all of it, on a faster processor."""

QUEUED_EVENTS = 16384

TASKS = "/proc/self/task"
_NAME = b"notify-rs"


class Work(Protocol):
    """What a reader has done since it began."""

    def worked_s(self) -> float:
        """Return the processor time that it took."""

    def sleeps(self) -> int:
        """Return how often it was woken."""


class Reader:
    """The thread of this process in which a RustNotify reads its queue."""

    def __init__(self, thread_id: int) -> None:
        self._clock = (~thread_id << 3) | 6  # as pthread_getcpuclockid(3) makes it, for a thread that is not ours
        self._schedstat = f"{TASKS}/{thread_id}/schedstat"

    def worked_s(self) -> float:
        """Return the processor time that it took."""
        return time.clock_gettime(self._clock)

    def sleeps(self) -> int:
        """Return how often it was woken; 0 if the kernel does not count."""
        try:
            return int(_read(self._schedstat).split()[2])
        except (OSError, IndexError):
            return 0


class Backlog:
    """For use by one thread, at every look.

    Attributes:
        events: about how many events its reader has read of late without a sleep. Without a reader to ask, as on macOS,
            it is how many changes there were since the last look that found none.
    """

    __slots__ = ("_clock", "_long", "_looked_at", "_reader", "_sleeps", "_worked_s", "events")

    def __init__(self, reader: Work | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.events = 0
        self._long = long_backlog()
        self._clock = clock
        self._looked_at = clock()
        self._reader, self._worked_s, self._sleeps = reader, 0.0, 0
        if reader is not None:
            try:  # adding watches was the reader's work too, and a long one
                self._worked_s, self._sleeps = reader.worked_s(), reader.sleeps()
            except OSError:  # it has ended already
                self._reader = None

    @property
    def is_long(self) -> bool:
        """True if it may have been more than the kernel queues: what did not fit is lost."""
        return self.events >= self._long

    def note(self, changes: int) -> None:
        """Note that a look returned so many changes."""
        if self._reader is None:
            self.events = self.events + changes if changes else 0
            return
        try:
            worked_s = self._reader.worked_s()
        except OSError:  # the thread has ended, and its watcher is about to say so
            return
        if worked_s == self._worked_s and not self.events:
            return
        now = self._clock()
        left = self.events - (now - self._looked_at) * LEAK / READ_S
        self._looked_at = now
        if worked_s != self._worked_s:
            sleeps = self._reader.sleeps()
            awake_s = worked_s - self._worked_s - (sleeps - self._sleeps) * SLEEP_S
            self._worked_s, self._sleeps = worked_s, sleeps
            left = max(left, 0) + max(awake_s, 0) / READ_S
        self.events = min(max(int(left), 0), 2 * self._long)  # more would only take longer to leak away


@functools.cache
def long_backlog() -> int:
    """Return how many events make a backlog long."""
    return (read_limits().queued_events or QUEUED_EVENTS) // LONG


def thread_ids() -> frozenset[int]:
    """Return the threads of this process; none where the system does not tell."""
    try:
        return frozenset(map(int, os.listdir(TASKS)))  # noqa: TID251 - the kernel's list of our threads
    except OSError:
        return frozenset()


def find_reader(before: frozenset[int]) -> Reader | None:
    """Return the reader of the RustNotify that was made since these threads were all there were; None if unsure."""
    made = [thread_id for thread_id in thread_ids() - before if _name(thread_id).startswith(_NAME)]
    return Reader(made[0]) if len(made) == 1 else None


def _name(thread_id: int) -> bytes:
    try:
        return _read(f"{TASKS}/{thread_id}/comm")
    except OSError:
        return b""


def _read(file: str) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 256)
    finally:
        os.close(descriptor)
