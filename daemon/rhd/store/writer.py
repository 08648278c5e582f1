"""`Writer`: the one task that changes the database. Group commit, refusals of the disk, and changes that can wait."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import trio

from rhd.errors import StoreFailed
from rhd.hosting.thread_call import ThreadCall
from rhd.hosting.wakeup import Wakeup

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]
log = logging.getLogger(__name__)

MAX_BATCH = 256
RETRY_S = 1.0
"""How often changes that the disk refused, and that nothing waits for, are tried again."""

MAX_KEPT = 2048
"""How many of those are kept; beyond that the oldest are dropped, and the log says so."""

WRITE_WITHIN_S = 30.0
"""How long the caller of `write` waits for a disk that does not answer."""

CLOSE_WITHIN_S = 2.0
"""How long closing waits for it."""

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
}
"""Error codes of a disk or system that refuses, and may accept later."""

_FINAL = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class StoreProblem(NamedTuple):
    """Why the database takes no changes at present: a code and a sentence without any path of the machine."""

    code: str
    message: str


class _QueuedChange(Generic[T]):
    """A change on its way to the disk; it is carried out whether or not its caller still waits.

    Attributes:
        done: set once it is on disk or has failed; None if nothing waits for it.
    """

    __slots__ = ("change", "done", "error", "result")

    def __init__(self, change: Change[T], done: trio.Event | None) -> None:
        self.change = change
        self.done = done
        self.result: T | None = None
        self.error: Exception | None = None

    def end(self, error: Exception | None) -> None:
        """Tell the caller that the change is on disk, or why it is not; without a caller, tell the log."""
        self.error = error
        if self.done is not None:
            self.done.set()
        elif error is not None:
            log.error("write-failed reason=%s", error)


class _Refused(NamedTuple):
    error: sqlite3.Error
    problem: StoreProblem


class Writer:
    """Carries changes out in batches, each of them one commit.

    Every change of a batch has its own savepoint, so one that fails takes no other with it. A batch that the disk
    refuses fails as a whole: those who wait are told, and what can wait is kept.

    Attributes:
        problem: why the disk refused the last batch, until it accepts one; else None.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.problem: StoreProblem | None = None
        self._connection = connection
        self._path = path
        self._waiting: list[_QueuedChange[Any]] = []
        self._batch: list[_QueuedChange[Any]] = []
        self._kept: list[_QueuedChange[Any]] = []
        self._wake = Wakeup()
        self._is_closing = False
        self._scope = trio.CancelScope(shield=True)

    @property
    def kept(self) -> int:
        """How many changes wait to be tried again."""
        return len(self._kept) + (sum(job.done is None for job in self._batch) if self.problem is not None else 0)

    async def run(self) -> bool:
        """Write until `close` is called; what waits then is still written, even if this is cancelled.

        Returns:
            False if the disk did not answer in time, so that a thread still uses the connection.

        Raises:
            StoreFailed: the database is damaged, or writing failed in a way that cannot be mended.
        """
        try:
            with self._scope:
                await self._write_until_closed()
            return not self._scope.cancelled_caught
        except Exception as error:
            log.critical("store-failed reason=%s", error)
            raise StoreFailed(
                f"the database {self._path} can no longer be written: {error}", next_step="Restore it from a backup."
            ) from error
        finally:
            self._is_closing = True
            if self._kept:
                log.error("writes-dropped count=%d reason=closed", len(self._kept))
            for job in (*self._batch, *self._waiting):
                job.end(StoreFailed("the database is closed"))

    def close(self, within_s: float) -> None:
        """Let `run` write what waits and end; later changes are refused.

        Args:
            within_s: a disk that does not answer for so long is given up, and what waits is lost.
        """
        self._is_closing = True
        self._scope.deadline = trio.current_time() + within_s
        self._wake.set()

    async def write(self, change: Change[T]) -> T:
        """Carry `change` out and return its result once it is on disk. See `Store.write`."""
        if self._is_closing:
            raise StoreFailed("the database is closed")
        done = trio.Event()
        job = _QueuedChange(change, done)
        self._waiting.append(job)
        self._wake.set()
        with trio.move_on_after(WRITE_WITHIN_S):
            await done.wait()
            if job.error is not None:
                raise job.error
            return job.result  # type: ignore[return-value]
        raise StoreFailed(
            "the disk that holds the daemon's database does not answer; whether the change was made is not known",
            code="TIMEOUT",
        )

    def write_later(self, change: Change[object]) -> None:
        """Queue a change that nothing waits for. See `Store.write_later`."""
        if self._is_closing:
            log.error("writes-dropped count=1 reason=closed")
            return
        # Behind those that are kept, so that these changes stay in their order.
        (self._waiting if self.problem is None else self._kept).append(_QueuedChange(change, None))
        self._trim_kept()
        self._wake.set()

    async def _write_until_closed(self) -> None:
        retry_at = math.inf
        while True:
            with trio.move_on_at(retry_at):
                await self._wake.wait()
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._write(batch)
            if trio.current_time() >= retry_at or self._is_closing:
                await self._try_again()
                retry_at = math.inf
            if self.problem is not None:
                retry_at = min(retry_at, trio.current_time() + RETRY_S)
            if self._is_closing:
                return

    async def _try_again(self) -> None:
        """Write what was kept; with nothing kept, write a page to see whether the disk accepts it."""
        if self.problem is not None and not self._kept:
            await self._write([_QueuedChange(_touch, trio.Event())])
        while self._kept:
            batch, self._kept = self._kept[:MAX_BATCH], self._kept[MAX_BATCH:]
            await self._write(batch)
            if self.problem is not None:
                return

    async def _write(self, batch: list[_QueuedChange[Any]]) -> None:
        self._batch = batch
        refused = await ThreadCall(partial(self._commit, batch)).result()
        if refused is None:
            if self.problem is not None:
                log.warning("store-accepts-changes-again")
                self.problem = None
            for job in batch:
                job.end(job.error)
        elif _primary(refused.error) in _FINAL:
            raise refused.error
        else:
            if refused.problem != self.problem:
                log.error("store-refused code=%s reason=%s", refused.problem.code, refused.error)
            self.problem = refused.problem
            self._kept = [job for job in batch if job.done is None] + self._kept
            self._trim_kept()
            for job in batch:
                if job.done is not None:  # each its own exception: a shared one would collect the frames of all
                    job.end(StoreFailed(refused.problem.message, code=refused.problem.code))
        self._batch = []

    def _trim_kept(self) -> None:
        if (surplus := len(self._kept) - MAX_KEPT) > 0:
            log.error("writes-dropped count=%d reason=too-many", surplus)
            del self._kept[:surplus]

    def _commit(self, batch: list[_QueuedChange[Any]]) -> _Refused | None:
        """Carry out a batch, in a thread; return why the disk refused it. Then nothing of it is kept."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                connection.execute("SAVEPOINT job")
                try:
                    job.result, job.error = job.change(connection), None
                except Exception as error:
                    if isinstance(error, sqlite3.Error) and _primary(error) in _PASSING | _FINAL:
                        raise
                    connection.execute("ROLLBACK TO job")
                    job.error = error
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:  # after some errors SQLite has ended it by itself
                connection.execute("ROLLBACK")
            return _Refused(error, describe(error, self._path))
        return None


def describe(error: sqlite3.Error, path: str) -> StoreProblem:
    """Return what it means that the disk refused a change; touches the disk."""
    is_full = _primary(error) == sqlite3.SQLITE_FULL
    if _primary(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        try:
            found = os.statvfs(os.path.dirname(path))  # noqa: TID251 - the daemon's own folder
            is_full = not found.f_bavail or bool(found.f_files and not found.f_favail)
        except OSError:
            pass
    if is_full:
        return StoreProblem("DISK_FULL", "the disk that holds the daemon's database is full")
    return StoreProblem("WRITE_FAILED", f"the daemon's database accepts no changes: {error}")


def _primary(error: sqlite3.Error) -> int:
    """Return the primary part of an error's code; 0 where the driver gives none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _touch(connection: sqlite3.Connection) -> None:
    """Write a page without changing anything."""
    connection.execute("INSERT OR REPLACE INTO meta SELECT key, value FROM meta LIMIT 1")
