from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from rhd.errors import StartRefused
from rhd.store.database import Store
from rhd.store.schema import MIGRATIONS
from tests.support.stores import running_store

WRITER = """
import sys, trio
from rhd.store.database import Store
async def main():
    store = Store.open(sys.argv[1])
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        number = int(sys.argv[2])
        while True:
            number += 1
            key = str(number)
            await store.write(lambda c: c.execute("INSERT INTO meta VALUES (?, x'00')", (key,)))
            print(number, flush=True)
trio.run(main)
"""

NEWER = """
import os, sqlite3, sys
path, journal, version, is_killed = sys.argv[1:]
connection = sqlite3.connect(path)
connection.execute(f"PRAGMA journal_mode = {journal}")
connection.execute("CREATE TABLE future (it)")
connection.execute(f"PRAGMA user_version = {version}")
connection.commit()
if is_killed == "False":
    connection.close()
os._exit(0)
"""

HALF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE half (it)")
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.executemany("INSERT INTO half VALUES (zeroblob(4000))", [()] * 100)
os._exit(0)
"""


def put(connection: sqlite3.Connection, key: str) -> str:
    connection.execute("INSERT INTO meta (key, value) VALUES (?, x'00')", (key,))
    return key


def keys(connection: sqlite3.Connection) -> set[str]:
    return {key for (key,) in connection.execute("SELECT key FROM meta")}


async def test_what_was_answered_can_be_read(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        assert await store.write(lambda c: put(c, "a")) == "a"
        assert await store.read(keys) == {"a"}
    assert Store.open(str(tmp_path / "db")).read_now(keys) == {"a"}


async def test_many_writers_are_one_commit_and_all_on_disk(tmp_path: Path) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    async with running_store(tmp_path / "db") as store:
        store._connections[1].set_trace_callback(count)
        async with trio.open_nursery() as nursery:
            for i in range(200):
                nursery.start_soon(store.write, lambda c, i=i: put(c, str(i)))
        assert len(await store.read(keys)) == 200
    assert commits < 20


async def test_a_write_is_carried_out_though_its_caller_is_cancelled(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        with trio.move_on_after(0):
            await store.write(lambda c: put(c, "a"))
        await store.write(lambda c: put(c, "b"))
        assert await store.read(keys) == {"a", "b"}


async def test_what_waits_when_the_store_closes_is_written(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        for i in range(1000):
            store.write_later(lambda c, i=i: put(c, str(i)))
    assert len(Store.open(str(tmp_path / "db")).read_now(keys)) == 1000


async def test_cancelling_the_writer_still_writes_what_waits(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "db"))
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        store.write_later(lambda c: put(c, "a"))
        nursery.cancel_scope.cancel()
        store.close()
    assert Store.open(str(tmp_path / "db")).read_now(keys) == {"a"}


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    number = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "db"), str(number)], stdout=subprocess.PIPE, env=environ
        )
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=10)[0].split()
        number = int(rest[-1]) if rest else number + 50
        found = Store.open(str(tmp_path / "db"))
        assert found.read_now(lambda c: c.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        stored = {int(k) for k in found.read_now(keys)}
        assert stored >= set(range(1, number + 1))
        number = max(stored)


def test_the_file_is_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store.open(str(tmp_path / "db"))
        store.write_now(lambda c: put(c, "a"))
    finally:
        os.umask(before)
    for name in ("db", "db-wal", "db-shm"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_newer_database_is_refused_in_a_sentence_and_left_as_it_is(
    tmp_path: Path, journal: str, is_killed: bool
) -> None:
    """Byte for byte: what a version that we do not know has in its journal is not ours to finish."""
    path = str(tmp_path / "db")
    version = len(MIGRATIONS) + 1
    subprocess.run([sys.executable, "-IS", "-c", NEWER, path, journal, str(version), str(is_killed)], check=True)
    content = {name: (tmp_path / name).read_bytes() for name in ("db", "db-wal") if (tmp_path / name).exists()}
    assert len(content) == 1 + (is_killed and journal == "WAL")
    with pytest.raises(StartRefused) as refused:
        Store.open(path)
    assert refused.value.code == "SCHEMA_TOO_NEW"
    assert f"schema {version}" in refused.value.message
    assert refused.value.next_step
    assert {name: (tmp_path / name).read_bytes() for name in content} == content


def test_a_write_that_was_killed_before_the_journal_was_ours_is_undone(tmp_path: Path) -> None:
    """The first start begins with SQLite's own kind of journal; no read may come before that is undone."""
    path = str(tmp_path / "db")
    subprocess.run([sys.executable, "-IS", "-c", HALF, path], check=True)
    assert os.path.getsize(path + "-journal") > 4000
    store = Store.open(path)
    assert store.read_now(lambda c: c.execute("SELECT count(*) FROM half").fetchone()) == (0,)
    assert store.read_now(lambda c: c.execute("PRAGMA user_version").fetchone()) == (len(MIGRATIONS),)


@pytest.mark.parametrize(
    "content", [b"not a database, certainly not one of ours", b"SQLite format 3\0" + b"\xff" * 200]
)
def test_a_damaged_database_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "db").write_bytes(content)
    with pytest.raises(StartRefused, match="cannot open the database"):
        Store.open(str(tmp_path / "db"))
    assert (tmp_path / "db").read_bytes() == content


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "db").symlink_to(tmp_path / "target")
    with pytest.raises(StartRefused):
        Store.open(str(tmp_path / "db"))
    assert (tmp_path / "target").read_bytes() == b""


def test_cve_2025_69872_no_room_deserialises_anything_but_json() -> None:
    import ast

    for path in [*Path("daemon").rglob("*.py"), *Path("ctl").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = [node.func.id]
            assert not {"pickle", "marshal", "shelve", "dill", "yaml", "eval", "exec"} & set(names), path


def test_a_start_on_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rhd.store.database.os.open", full)
    with pytest.raises(StartRefused, match="the disk is full") as refused:
        Store.open(str(tmp_path / "db"))
    assert refused.value.code == "DISK_FULL"
    assert str(tmp_path) in refused.value.message
