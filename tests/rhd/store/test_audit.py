from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from rhd.store import audit
from rhd.store.audit import AuditLog, read_rows
from tests.support.stores import running_store


async def test_rows_are_written_by_the_second_in_one_batch(tmp_path: Path, mock_clock: MockClock) -> None:
    async with running_store(tmp_path / "db") as store:
        log = AuditLog(store)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            log.add(
                "g1", "read_workflow_file", "ok", repo_id="r1", profile="planner", target="plans/a.md", duration_ms=1.5
            )
            log.add("-", "login.wrong", "wrong", count=17)
            await trio.testing.wait_all_tasks_blocked()
            assert store._writer._waiting == []
            mock_clock.jump(audit.FLUSH_EVERY_S)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await store.write(lambda c: None)
        rows = [row for _, row in await store.read(read_rows)]
    assert [(r.principal, r.action, r.outcome, r.target, r.count) for r in rows] == [
        ("-", "login.wrong", "wrong", None, 17),
        ("g1", "read_workflow_file", "ok", "plans/a.md", 1),
    ]


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = AuditLog(store)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            log.add("g1", "x", "ok")
            nursery.cancel_scope.cancel()
        await store.write(lambda c: None)
        assert len(await store.read(read_rows)) == 1


async def test_a_full_buffer_does_not_wait(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = AuditLog(store)
        for _ in range(audit.MAX_WAITING):
            log.add("g1", "x", "ok")
        await store.write(lambda c: None)
        assert len(await store.read(lambda c: read_rows(c, limit=10_000))) == audit.MAX_WAITING


async def test_rows_are_paged_newest_first_and_by_repository(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        log = AuditLog(store)
        for i in range(10):
            log.add("g1", f"a{i}", "ok", repo_id=f"r{i % 2}")
        log.flush()
        await store.write(lambda c: None)
        first = await store.read(lambda c: read_rows(c, "r1", limit=3))
        rest = await store.read(lambda c: read_rows(c, "r1", before=first[-1][0]))
    assert [row.action for _, row in [*first, *rest]] == ["a9", "a7", "a5", "a3", "a1"]


async def test_the_log_is_bounded_oldest_first(tmp_path: Path, monkeypatch: object) -> None:
    audit_keep, audit.KEEP_ROWS = audit.KEEP_ROWS, 5
    try:
        async with running_store(tmp_path / "db") as store:
            log = AuditLog(store)
            for i in range(12):
                log.add("g1", f"a{i}", "ok")
                log.flush()
            await store.write(lambda c: None)
            rows = await store.read(read_rows)
    finally:
        audit.KEEP_ROWS = audit_keep
    assert [row.action for _, row in rows] == ["a11", "a10", "a9", "a8", "a7"]
