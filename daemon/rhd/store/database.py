"""`Store`: one writer with group commit, one reader, migrations. docs/architecture.md says what is kept."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import trio

from rhd.errors import StartRefused
from rhd.store.schema import MIGRATIONS

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]

MAX_BATCH = 256


class _Job(Generic[T]):
    """A change on its way to the disk; it is carried out whether or not its caller still waits."""

    __slots__ = ("change", "done", "error", "result")

    def __init__(self, change: Change[T]) -> None:
        self.change = change
        self.done = trio.Event()
        self.result: T | None = None
        self.error: BaseException | None = None


class Store:
    """The database, open. `write` from anywhere while `run` runs; `read` in a thread of its own.

    Every change of a batch has its own savepoint, so one that fails takes none with it; the batch is one
    commit (WAL, synchronous=FULL): whoever is answered is on disk.
    """

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writes = trio.CapacityLimiter(1)
        self._reads = trio.CapacityLimiter(1)
        self._waiting: list[_Job[Any]] = []
        self._wake = trio.Event()
        self._is_closing = False

    @classmethod
    def open(cls, path: str) -> Store:
        """Open or create the database, 0600, and take the migrations that are missing.

        Raises:
            StartRefused: it is of a newer version, damaged, not ours, or cannot be opened.
        """
        try:
            _create(path)
            _check_version(path)
            writer = _connect(path)
            try:
                _migrate(writer)
                reader = _connect(path)
            except BaseException:
                writer.close()
                raise
            reader.execute("PRAGMA query_only = ON")
        except (OSError, sqlite3.Error) as error:
            raise StartRefused(f"cannot open the database {path}: {error}", code="HOME_UNUSABLE") from error
        return cls(writer, reader)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until `close` is called; what is waiting then is still written, even if this is cancelled."""
        task_status.started()
        with trio.CancelScope(shield=True):
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                while self._waiting:
                    batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                    await trio.to_thread.run_sync(self._commit, batch, limiter=self._writes)
                    for job in batch:
                        job.done.set()
                if self._is_closing:
                    break
            self._reader.close()
            self._writer.close()

    def close(self) -> None:
        """Let `run` write what is waiting, close the database and end. Later writes are refused."""
        self._is_closing = True
        self._wake.set()

    async def write(self, change: Change[T]) -> T:
        """Carry `change` out in the writer's thread and return its result once it is on disk.

        Cancelling the caller does not undo it: the change is carried out all the same (invariant 11).
        """
        job = self.submit(change)
        await job.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def submit(self, change: Change[T]) -> _Job[T]:
        """Queue `change` and return at once; its `done` event is set when it is on disk or has failed."""
        if self._is_closing:
            raise RuntimeError("the store is closed")
        job = _Job(change)
        self._waiting.append(job)
        self._wake.set()
        return job

    async def read(self, query: Change[T]) -> T:
        """Return what `query` reads, from a thread; it sees every write that was answered before."""
        return await trio.to_thread.run_sync(query, self._reader, limiter=self._reads)

    def read_now(self, query: Change[T]) -> T:
        """Return what `query` reads, blocking: for the start, before anything is served."""
        return query(self._reader)

    def write_now(self, change: Change[T]) -> T:
        """Carry `change` out, blocking: for the start, before `run` runs."""
        with closing(self._writer.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                result = change(self._writer)
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
        return result

    def _commit(self, batch: list[_Job[Any]]) -> None:
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                connection.execute("SAVEPOINT job")
                try:
                    job.result = job.change(connection)
                except Exception as error:
                    connection.execute("ROLLBACK TO job")
                    job.error = error
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except BaseException as error:
            # The disk is full, or worse: nothing of this batch is kept, and everybody in it is told.
            for job in batch:
                job.error = job.error or error
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _create(path: str) -> None:
    """Make an empty file 0600 before SQLite would make one as the umask says; -wal and -shm inherit the mode."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(0, "it is not a file of yours")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        connection.execute("PRAGMA " + pragma)
    return connection


def _check_version(path: str) -> None:
    """Refuse a newer database without writing to it: a connection that may write would touch its journal."""
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StartRefused(
            f"the database {path} has schema {version}, this version knows {len(MIGRATIONS)}; it is left as it is",
            code="SCHEMA_TOO_NEW",
        )


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")
