"""`Store`: one writer with group commit, one reader, migrations. docs/architecture.md says what is kept."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from typing import TypeVar
from urllib.parse import quote

import trio

from rhd.errors import StartRefused, StoreFailed
from rhd.hosting.thread_call import ThreadCall
from rhd.store.schema import MIGRATIONS
from rhd.store.writer import CLOSE_WITHIN_S, Change, StoreProblem, Writer, describe
from rhwire.errors import code_of_write

T = TypeVar("T")

READ_WITHIN_S = 30.0
"""How long a read is waited for, those before it included."""


class Store:
    """The database, open. `write` and `write_later` while `run` runs; `read` in a thread of its own."""

    def __init__(self, path: str, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._connections = (reader, writer)
        self._reader = reader
        self._writer = Writer(writer, path)
        self._reads = trio.CapacityLimiter(1)
        self._is_closed = False

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
            raise _cannot_open(path, error) from error
        return cls(path, writer, reader)

    @property
    def problem(self) -> StoreProblem | None:
        """Why the disk accepts no changes at present, or None."""
        return self._writer.problem

    @property
    def kept(self) -> int:
        """How many changes that nothing waits for are kept until the disk accepts them."""
        return self._writer.kept

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until `close` is called; what waits then is still written, even if this is cancelled.

        Raises:
            StoreFailed: the database is damaged, or its writer failed in a way that cannot be mended. Every caller of
                `write` that waits is told first.
        """
        task_status.started()
        is_idle = False
        try:
            is_idle = await self._writer.run()
        finally:
            await self._close_connections(is_writer_idle=is_idle)

    def close(self, *, within_s: float = CLOSE_WITHIN_S) -> None:
        """Let `run` write what waits, close the database and end. Later writes are refused.

        Args:
            within_s: a disk that does not answer for so long is given up, and what waits is lost.
        """
        self._writer.close(within_s)

    async def write(self, change: Change[T]) -> T:
        """Carry `change` out in the writer's thread and return its result once it is on disk.

        Cancelling the caller does not undo it: the change is carried out all the same (invariant 11).

        Raises:
            StoreFailed: DISK_FULL or WRITE_FAILED, the disk refused it; TIMEOUT, the disk does not answer, and
                whether the change was made is not known.
            Exception: whatever `change` raises.
        """
        return await self._writer.write(change)

    def write_later(self, change: Change[object]) -> None:
        """Queue a change that nothing waits for, and return at once.

        While the disk refuses changes it is kept and tried again every second. One that fails for a reason of its own
        is logged and dropped.
        """
        self._writer.write_later(change)

    async def read(self, query: Change[T]) -> T:
        """Return what `query` reads, from a thread; it sees every write that was answered before.

        Raises:
            StoreFailed: the database is closed; TIMEOUT, its disk does not answer.
        """
        if self._is_closed:
            raise StoreFailed("the database is closed")
        with trio.move_on_after(READ_WITHIN_S):
            return await trio.to_thread.run_sync(query, self._reader, limiter=self._reads, abandon_on_cancel=True)
        raise StoreFailed("the disk that holds the daemon's database does not answer", code="TIMEOUT")

    def read_now(self, query: Change[T]) -> T:
        """Return what `query` reads, blocking: for the start, before anything is served."""
        return query(self._reader)

    def write_now(self, change: Change[T]) -> T:
        """Carry `change` out, blocking: for the start, before `run` runs.

        Raises:
            StartRefused: the disk refuses it.
        """
        writer = self._connections[1]
        try:
            writer.execute("BEGIN IMMEDIATE")
            try:
                result = change(writer)
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise _cannot_open(self.path, error) from error
        return result

    async def _close_connections(self, *, is_writer_idle: bool) -> None:
        """Close the connections that no thread uses: closing one under a thread would crash the process."""
        self._is_closed = True
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN_S):
            if is_writer_idle:
                await ThreadCall(self._connections[1].close).result()
            await self._reads.acquire()  # and never release it: a read that was cancelled may still run
            await ThreadCall(self._reader.close).result()


def _cannot_open(path: str, error: OSError | sqlite3.Error) -> StartRefused:
    """Return why the database cannot be used at the start."""
    if isinstance(error, OSError):
        code = code_of_write(error, "HOME_UNUSABLE")
    else:
        code = "DISK_FULL" if describe(error, path).code == "DISK_FULL" else "HOME_UNUSABLE"
    why = "the disk is full" if code == "DISK_FULL" else error
    return StartRefused(f"cannot open the database {path}: {why}", code=code)


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
    try:
        version = _read_version(path, "ro")
    except sqlite3.OperationalError:  # a write was killed before it was whole: it has to be undone before one can read
        version = _read_version(path, "rw")
    if version > len(MIGRATIONS):
        raise StartRefused(
            f"the database {path} has schema {version}, this version knows {len(MIGRATIONS)}; it is left as it is",
            code="SCHEMA_TOO_NEW",
        )


def _read_version(path: str, mode: str) -> int:
    with closing(sqlite3.connect(f"file:{quote(path)}?mode={mode}", uri=True, timeout=5)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")
