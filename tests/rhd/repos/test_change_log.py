from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.ids import Cursor
from rhd.repos import change_log as changes
from rhd.repos.change_log import ChangeEntry, ChangeLog
from rhd.repos.registry import Registry
from rhd.store import change_rows as rows
from rhd.store.database import Store
from tests.support.stores import running_store

A, B = ("plans/a.md", "plan", "added"), ("plans/b.md", "plan", "modified")


async def open_log(store: Store) -> ChangeLog:
    registry = Registry(store)
    registry.load()
    repo = registry.by_path("/a") or (await registry.add("/a", "a", slug=None))[0]
    heads = await store.read(rows.read_heads)
    return ChangeLog(store, repo.id, repo.log, heads.get(repo.id))


async def append(log: ChangeLog, *arguments: Any, **named: Any) -> None:
    log.append(*arguments, **named)
    if log.is_pending:
        await log.record()


def paths(found: changes.Since) -> list[str]:
    return [entry.path for entry in found.changes]


async def test_a_cursor_tells_exactly_what_came_after_it(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        start = (await log.since(None)).cursor
        await append(log, [A, B], via="event")
        found = await log.since(start)
        assert paths(found) == ["plans/a.md", "plans/b.md"]
        assert paths(await log.since(found.changes[0].cursor)) == ["plans/b.md"]
        assert paths(await log.since(found.cursor)) == []
        one = await log.since(start, limit=1)
        assert (paths(one), paths(await log.since(one.cursor))) == (["plans/a.md"], ["plans/b.md"])


async def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        await append(log, [A], via="event")
        cursor = log.cursor
        await store.write(lambda c: rows.release_numbers(c, {log._repo_id: cursor.number}))
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        assert log.cursor == cursor
        assert log.last is not None
        assert log.last.path == "plans/a.md"
        await append(log, [B], via="start")
        assert log.cursor.number == cursor.number + 1
        assert paths(await log.since(cursor)) == ["plans/b.md"]


async def test_no_number_is_used_twice_though_its_entry_was_told_and_never_recorded(tmp_path: Path) -> None:
    """A process that is killed between telling and recording: the next one finds the change again, as a new entry."""
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        start = log.cursor
        await append(log, [A], via="event")
        recorded = log.cursor
        log._untold.append(rows.ChangeRow(0, *B, 1.0, "event"))
        log._tell()
        told = log.cursor
        assert paths(await log.since(recorded)) == ["plans/b.md"]
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        assert (await log.since(told)).changes == ()
        await append(log, [B], via="restart")
        assert log.cursor.number > told.number
        for cursor, expected in (
            (start, ["plans/a.md", "plans/b.md"]),
            (recorded, ["plans/b.md"]),
            (told, ["plans/b.md"]),
        ):
            found = await log.since(cursor)
            assert (found.reset, paths(found)) == (False, expected)


async def test_followers_are_told_before_the_disk_is_waited_for(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        await append(log, [A], via="event")
        is_held, go_on = threading.Event(), threading.Event()
        told: list[str] = []
        log.subscribe(lambda entries: told.extend(entry.path for entry in entries))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.write, lambda _: is_held.set() or go_on.wait(10))
            await trio.to_thread.run_sync(is_held.wait)
            log.append([B], via="event")
            assert told == ["plans/b.md"]
            assert paths(await log.since(Cursor.make(log.cursor.log, 1))) == ["plans/b.md"]
            go_on.set()


async def test_more_than_memory_holds_is_read_whole_whatever_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_RECENT", 3)
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        many = [(f"plans/{number}.md", "plan", "added") for number in range(10)]
        seen: list[int] = []
        log.subscribe(lambda entries: seen.append(len(log._recent)))
        await append(log, many, via="event")
        assert (seen, len(log._recent)) == ([10], 3)
        for number in range(11):
            for limit in (1, 4, 100):
                found = await log.since(Cursor.make(log.cursor.log, number), limit=limit)
                assert [entry.cursor.number for entry in found.changes] == [*range(number + 1, 11)][:limit]
        for count in (0, 1, 3, 5, 100):
            assert [e.cursor.number for e in (await log.newest(count)).changes] == [*range(1, 11)][-count or 10 :]


@pytest.mark.parametrize("text", ["zzzzzz-1", None])
async def test_a_cursor_of_another_log_or_from_the_future_resets(tmp_path: Path, text: str | None) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        await append(log, [A], via="event")
        cursor = Cursor(text) if text else Cursor.make(log.cursor.log, 99)
        found = await log.since(cursor)
        assert (found.reset, found.changes, found.cursor) == (True, (), log.cursor)


async def test_the_log_is_bounded_and_a_cursor_from_before_resets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KEEP_CHANGES", 5)
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        start = log.cursor
        await append(log, [A], via="event")
        await append(log, [A] * 5, via="event")
        assert (await log.since(start)).reset
        kept = await log.since(Cursor.make(start.log, 1))
        assert (kept.reset, len(kept.changes)) == (False, 5)


async def test_listeners_hear_each_batch_that_holds_changes(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        heard: list[tuple[ChangeEntry, ...]] = []
        end = log.subscribe(lambda entries: heard.append(tuple(entries)))
        await append(log, [A, B], via="event")
        await append(log, [], via="event", saved=[rows.ArtifactRow("x", "s", "{}")])
        end()
        await append(log, [A], via="event")
        assert [[e.path for e in batch] for batch in heard] == [["plans/a.md", "plans/b.md"]]
        assert heard[0][0].to_json("a").keys() == {"cursor", "repo", "path", "kind", "change", "at"}


async def test_what_the_disk_refuses_is_told_once_and_recorded_with_the_next_batch(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        await append(log, [], via="event")
        told: list[str] = []
        log.subscribe(lambda entries: told.extend(entry.path for entry in entries))
        await store.write(lambda c: c.execute("ALTER TABLE changes RENAME TO away"))
        with pytest.raises(Exception, match="changes"):
            await append(log, [A], via="event", saved=[rows.ArtifactRow("plans/a.md", "s", "{}")])
        assert told == ["plans/a.md"]
        await store.write(lambda c: c.execute("ALTER TABLE away RENAME TO changes"))
        await append(log, [B], via="event", removed=["plans/z.md"])
        assert told == ["plans/a.md", "plans/b.md"]
        stored = await store.read(lambda c: rows.read_changes(c, log._repo_id, 0, 10))
        assert [(row.number, row.path) for row in stored] == [(1, "plans/a.md"), (2, "plans/b.md")]
        assert [row.path for row in await log.read_catalog()] == ["plans/a.md"]


async def test_what_cannot_be_numbered_is_told_once_numbers_can_be_reserved(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        told: list[str] = []
        log.subscribe(lambda entries: told.extend(entry.path for entry in entries))
        await store.write(lambda c: c.execute("ALTER TABLE repos RENAME COLUMN reserved TO away"))
        with pytest.raises(Exception, match="reserved"):
            await append(log, [A], via="event")
        assert told == []
        await store.write(lambda c: c.execute("ALTER TABLE repos RENAME COLUMN away TO reserved"))
        await append(log, [B], via="event")
        assert told == ["plans/a.md", "plans/b.md"]


async def test_a_new_catalog_begins_with_what_was_told_whether_or_not_it_is_recorded(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        old, new = (rows.ArtifactRow(f"plans/{name}.md", "s", "{}") for name in "ab")
        await append(log, [A], via="event", saved=[old])
        await store.write(lambda c: c.execute("ALTER TABLE changes RENAME TO away"))
        log.append([B], via="event", saved=[new], removed=[old.path])
        with pytest.raises(Exception, match="changes"):
            await log.record()
        assert await log.read_catalog() == [new]
        await store.write(lambda c: c.execute("ALTER TABLE away RENAME TO changes"))
        await log.record()
        assert not log.is_pending
        assert await log.read_catalog() == [new]


async def test_what_is_told_while_a_record_is_being_made_is_recorded_by_the_next(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        one, two = rows.ArtifactRow("plans/a.md", "1", "{}"), rows.ArtifactRow("plans/a.md", "2", "{}")
        await append(log, [A], via="event", saved=[one])
        is_held, go_on = threading.Event(), threading.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.write, lambda _: is_held.set() or go_on.wait(10))
            await trio.to_thread.run_sync(is_held.wait)
            log.append([A], via="event", saved=[one], removed=["plans/b.md"])
            nursery.start_soon(log.record)
            await trio.testing.wait_all_tasks_blocked()
            log.append([B], via="event", saved=[two, rows.ArtifactRow("plans/b.md", "1", "{}")])
            go_on.set()
        assert log.is_pending
        assert {
            row.path: row.signature for row in await store.read(lambda c: rows.read_artifacts(c, log._repo_id))
        } == {"plans/a.md": "1"}
        await log.record()
        assert not log.is_pending
        assert {row.path: row.signature for row in await log.read_catalog()} == {"plans/a.md": "2", "plans/b.md": "1"}
        stored = await store.read(lambda c: rows.read_changes(c, log._repo_id, 0, 10))
        assert [row.path for row in stored] == ["plans/a.md", "plans/a.md", "plans/b.md"]


async def test_at_the_end_what_is_pending_is_left_to_the_store(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        log.append([A], via="event", saved=[rows.ArtifactRow("plans/a.md", "1", "{}")])
        log.record_at_end()
        await store.write(lambda _: None)
        assert await store.read(lambda c: rows.read_artifacts(c, log._repo_id)) == [], "without its change it is lost"
        await log.record()
        log.append([B], via="event")
        log.record_at_end()
    async with running_store(tmp_path / "db") as store:
        stored = await store.read(lambda c: rows.read_changes(c, log._repo_id, 0, 10))
        assert [row.path for row in stored] == ["plans/a.md", "plans/b.md"]


async def test_a_log_that_is_closed_tells_its_followers_and_takes_nothing_more(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = await open_log(store)
        told: list[str] = []
        log.subscribe(lambda entries: told.extend(entry.change for entry in entries))
        log.close()
        assert told == ["forgotten"]
        assert (await log.since(log.cursor)).reset
        assert log.last is not None
        assert (log.last.kind, log.last.change) == ("repository", "forgotten")
        cursor = log.cursor
        await append(log, [A], via="event")
        assert log.cursor == cursor
        assert await store.read(lambda c: rows.read_changes(c, log._repo_id, 0, 10)) == []


async def test_a_late_append_does_not_reach_the_log_of_a_repository_that_was_adopted_again(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        late = await open_log(store)
        await append(late, [A], via="event")
        registry = Registry(store)
        registry.load()
        (before,) = registry
        await registry.forget(before.id)
        await append(late, [B], via="event")
        repo, _ = await registry.add("/a", "a", slug=None, repo_id=before.id)
        await append(late, [B], via="event")
        log = ChangeLog(store, repo.id, repo.log)
        await append(log, [A, B], via="event")
        assert [e.cursor.number for e in (await log.since(Cursor.make(repo.log, 0))).changes] == [1, 2]
