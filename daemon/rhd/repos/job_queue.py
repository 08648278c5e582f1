"""`JobQueue`: what the owner of a repository is asked to do, in order and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import trio

from rhd.errors import Refusal

T = TypeVar("T")


class Job(Generic[T]):
    """One piece of work and what came of it. The first end counts; what comes after it is dropped.

    Attributes:
        done: set at the first end, whether or not anything waits.
    """

    __slots__ = ("_error", "_value", "_work", "done")

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.done = trio.Event()
        self._work = work
        self._value: T | None = None
        self._error: Exception | None = None

    async def run(self) -> None:
        """Carry the work out; what it raises is its caller's."""
        try:
            value = await self._work()
        except Exception as error:
            self.refuse(error)
        else:
            if not self.done.is_set():
                self._value = value
                self.done.set()

    def refuse(self, error: Exception) -> None:
        """End the job with an error."""
        if not self.done.is_set():
            self._error = error
            self.done.set()

    async def result(self) -> T:
        """Return the result once there is one, or raise the error."""
        await self.done.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class JobQueue:
    """Jobs that have not begun."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: deque[Job[Any]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, work: Callable[[], Awaitable[T]]) -> Job[T]:
        """Add a job at the end.

        Raises:
            Refusal: REPO_BUSY, the queue is full.
        """
        if len(self._jobs) >= self._limit:
            raise Refusal(f"{self._limit} operations wait for this repository already", code="REPO_BUSY")
        job = Job(work)
        self._jobs.append(job)
        return job

    def take(self) -> Job[Any] | None:
        """Return the next job, which then begins; None if there is none."""
        return self._jobs.popleft() if self._jobs else None

    def withdraw(self, job: Job[Any]) -> bool:
        """Take a job out; return False if it has begun or ended."""
        try:
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    def refuse_all(self, make: Callable[[], Exception]) -> None:
        """End every job that has not begun, each with an exception of its own."""
        while self._jobs:
            self._jobs.popleft().refuse(make())
