"""What the disk refuses: who is told, what is kept, and when it is tried again."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.errors import StoreFailed
from rhd.store import writer
from rhd.store.database import Store
from tests.support.stores import running_store
from tests.support.waiting import until

BIG = b"x" * 200_000


def put(connection: sqlite3.Connection, key: str, value: bytes = b"\0") -> str:
    connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
    return key


def keys(connection: sqlite3.Connection) -> set[str]:
    return {key for (key,) in connection.execute("SELECT key FROM meta")}


async def resize(store: Store, pages: int | None = None) -> None:
    """Let the database grow to so many pages and no more; as large as it is if not said."""
    if pages is None:
        (pages,) = await store.read(lambda c: c.execute("PRAGMA page_count").fetchone())
    connection = store._connections[1]
    await trio.to_thread.run_sync(lambda: connection.execute(f"PRAGMA max_page_count = {pages}"))


@contextmanager
def commits_that_fail(monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]) -> Iterator[None]:
    def fail(*_: object) -> Any:
        raise error()

    with monkeypatch.context() as patch:
        patch.setattr(writer.Writer, "_commit", fail)
        yield


async def test_a_change_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        failed: list[str] = []

        async def write(*wanted: str) -> None:
            try:
                await store.write(lambda c: [put(c, key) for key in wanted])
            except sqlite3.IntegrityError:
                failed.extend(wanted)

        async with trio.open_nursery() as nursery:
            for wanted in ("a", "bb", "c"):
                nursery.start_soon(write, *wanted)
        assert failed == ["b", "b"]
        assert await store.read(keys) == {"a", "c"}
        assert store.problem is None, "that was the change's own fault"


async def test_a_full_disk_is_said_to_each_caller_anew_and_the_store_goes_on(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        await resize(store)
        told: list[StoreFailed] = []

        async def write(key: str) -> None:
            with pytest.raises(StoreFailed) as refused:
                await store.write(lambda c: put(c, key, BIG))
            told.append(refused.value)

        async with trio.open_nursery() as nursery:
            for key in "abc":
                nursery.start_soon(write, key)
        assert {refusal.code for refusal in told} == {"DISK_FULL"}
        assert len({id(refusal) for refusal in told}) == 3
        assert str(tmp_path) not in told[0].message, "a model may read it"
        assert store.problem is not None
        assert store.problem.code == "DISK_FULL"
        await resize(store, 100_000)
        await store.write(lambda c: put(c, "big", BIG))
        assert store.problem is None
        assert await store.read(keys) == {"big"}


async def test_what_nothing_waits_for_is_kept_in_order_and_written_when_the_disk_accepts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.005)
    tries = 0
    commit = writer.Writer._commit

    def counted(self: writer.Writer, batch: Any) -> Any:
        nonlocal tries
        tries += 1
        return commit(self, batch)

    monkeypatch.setattr(writer.Writer, "_commit", counted)
    async with running_store(tmp_path / "db") as store:
        await store.write(lambda c: put(c, "a"))
        await resize(store)
        with caplog.at_level(logging.WARNING):
            store.write_later(lambda c: put(c, "big", BIG))
            store.write_later(lambda c: c.execute("DELETE FROM meta WHERE key = 'big'"))
            for number in range(50):
                store.write_later(lambda c, n=number: put(c, str(n), BIG))
            await until(lambda: tries > 5)
        assert store.kept == 52
        assert [r.getMessage().split()[0] for r in caplog.records] == ["store-refused"], "once, not for each attempt"
        await resize(store, 100_000)
        await until(lambda: store.problem is None)
        assert store.kept == 0
        assert await store.read(keys) == {"a", *map(str, range(50))}


async def test_the_disk_is_tried_again_though_nothing_waits_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.005)
    async with running_store(tmp_path / "db") as store:
        await store.write(lambda c: put(c, "a"))
        await resize(store)
        with pytest.raises(StoreFailed):
            await store.write(lambda c: put(c, "big", BIG))
        assert store.problem is not None
        await resize(store, 100_000)
        await until(lambda: store.problem is None)


async def test_more_than_can_be_kept_is_dropped_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "MAX_KEPT", 10)
    monkeypatch.setattr(writer, "RETRY_S", 60)
    async with running_store(tmp_path / "db") as store:
        await resize(store)
        for number in range(30):
            store.write_later(lambda c, n=number: put(c, str(n), BIG))
        await until(lambda: store.kept == 10)
        assert "writes-dropped count=20" in caplog.text
        await resize(store, 100_000)
    assert Store.open(str(tmp_path / "db")).read_now(keys) == {str(number) for number in range(20, 30)}


async def test_a_change_of_its_own_fault_that_nothing_waits_for_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_store(tmp_path / "db") as store:
        store.write_later(lambda c: c.execute("INSERT INTO nowhere VALUES (1)"))
        await store.write(lambda c: put(c, "a"))
    assert "write-failed reason=no such table: nowhere" in caplog.text


@pytest.mark.parametrize(
    "error", [lambda: sqlite3.OperationalError("cannot rollback"), lambda: MemoryError("none left")]
)
async def test_if_the_writer_fails_every_caller_is_told_and_the_daemon_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    store = Store.open(str(tmp_path / "db"))
    told: list[str] = []

    async def write() -> None:
        with pytest.raises(StoreFailed) as refused:
            await store.write(keys)
        told.append(refused.value.message)

    with commits_that_fail(monkeypatch, error), trio.fail_after(10):

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(write)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(store.run)

        with pytest.raises(BaseExceptionGroup) as ended:
            await run()
        assert ended.group_contains(StoreFailed, match="can no longer be written")
        await write()  # and a later caller
    assert len(told) == 4


async def test_a_damaged_database_ends_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    async def run() -> None:
        store = Store.open(str(tmp_path / "db"))
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            with pytest.raises(StoreFailed):
                await store.write(damaged)

    with pytest.raises(BaseExceptionGroup) as ended:
        await run()
    assert ended.group_contains(StoreFailed, match="malformed")


async def test_a_disk_that_hangs_is_given_up_by_the_caller_and_by_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WRITE_WITHIN_S", 0.05)
    go_on = threading.Event()
    store = Store.open(str(tmp_path / "db"))
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            with pytest.raises(StoreFailed) as refused:
                await store.write(lambda _: go_on.wait(20))
            assert refused.value.code == "TIMEOUT"
            store.close(within_s=0.05)
    assert not go_on.is_set(), "it ended while the disk hung"
    go_on.set()


async def test_a_read_that_was_cancelled_keeps_its_connection_until_it_ends(tmp_path: Path) -> None:
    go_on = threading.Event()
    token = trio.lowlevel.current_trio_token()
    with trio.fail_after(10):
        async with running_store(tmp_path / "db") as store, trio.open_nursery() as nursery:
            entered = trio.Event()

            def read(connection: sqlite3.Connection) -> None:
                trio.from_thread.run_sync(entered.set, trio_token=token)
                go_on.wait(20)
                connection.execute("SELECT key FROM meta").fetchall()

            nursery.start_soon(store.read, read)
            await entered.wait()
            nursery.cancel_scope.cancel()
            nursery.start_soon(trio.to_thread.run_sync, go_on.set)
