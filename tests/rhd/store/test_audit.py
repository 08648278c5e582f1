"""The audit: what is a row, what is counted, what is kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from rhd.store import audit
from rhd.store.audit import AuditLog, AuditRow, read_rows
from rhd.store.database import Store
from tests.support.oauth_service import Clock
from tests.support.stores import running_store


@asynccontextmanager
async def logged(folder: Path, clock: Clock | None = None) -> AsyncIterator[tuple[AuditLog, Store]]:
    async with running_store(folder / "db") as store:
        log = AuditLog(store, clock or Clock())
        log.load()
        yield log, store


async def kept(log: AuditLog, store: Store) -> list[AuditRow]:
    """Return every row on disk, oldest first."""
    log.flush()
    await store.write(lambda c: None)
    return [row for _, row in reversed(await store.read(lambda c: read_rows(c, limit=100_000)))]


async def test_rows_are_written_by_the_second_in_one_batch(tmp_path: Path, mock_clock: MockClock) -> None:
    async with logged(tmp_path) as (log, store), trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        log.add("g1", "read_workflow_file", "ok", client="ChatGPT", repo_id="r1", profile="planner", target="plans/a")
        log.event("login.wrong", "WRONG_PASSPHRASE", principal="-", count=17)
        await trio.testing.wait_all_tasks_blocked()
        assert await store.read(read_rows) == []
        mock_clock.jump(audit.FLUSH_EVERY_S)
        await trio.testing.wait_all_tasks_blocked()
        await store.write(lambda c: None)
        rows = [row for _, row in await store.read(read_rows)]
        nursery.cancel_scope.cancel()
    assert [(r.principal, r.client, r.action, r.outcome, r.target, r.count) for r in rows] == [
        ("-", None, "login.wrong", "WRONG_PASSPHRASE", None, 17),
        ("g1", "ChatGPT", "read_workflow_file", "ok", "plans/a", 1),
    ]


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async with logged(tmp_path) as (log, store):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            log.add("g1", "x", "ok")
            nursery.cancel_scope.cancel()
        await store.write(lambda c: None)
        assert len(await store.read(read_rows)) == 1


async def test_a_full_buffer_does_not_wait(tmp_path: Path) -> None:
    async with logged(tmp_path) as (log, store):
        for _ in range(audit.MAX_WAITING):
            log.add("g1", "x", "ok")
        await store.write(lambda c: None)
        assert len(await store.read(lambda c: read_rows(c, limit=10_000))) == audit.MAX_WAITING


async def test_rows_are_paged_newest_first_and_filtered(tmp_path: Path) -> None:
    clock = Clock()
    async with logged(tmp_path, clock) as (log, store):
        for i in range(10):
            log.add(f"g{i}", f"a{i}", "ok" if i % 3 else "NOT_FOUND", client=f"Client {i % 2}", repo_id=f"r{i % 2}")
            clock.move(1)
        await kept(log, store)

        async def actions(**filters: object) -> list[str]:
            return [row.action for _, row in await store.read(lambda c: read_rows(c, **filters))]  # type: ignore[arg-type]

        first = await store.read(lambda c: read_rows(c, "r1", limit=3))
        assert [row.action for _, row in first] == ["a9", "a7", "a5"]
        assert await actions(repo_id="r1", before=first[-1][0]) == ["a3", "a1"]
        assert await actions(since=clock.now - 2) == ["a9", "a8"]
        assert await actions(client="client 1") == ["a9", "a7", "a5", "a3", "a1"]
        assert await actions(client="g4") == ["a4"]
        assert await actions(outcome="NOT_FOUND") == await actions(outcome="refused") == ["a9", "a6", "a3", "a0"]


@pytest.mark.parametrize("action", ["login.wrong", "login.refuse", "grant.end", "whatever"])
async def test_equal_events_are_one_row_whatever_they_are(
    tmp_path: Path, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    caplog.set_level(logging.INFO, "rhd.store.audit")
    async with logged(tmp_path, clock) as (log, store):
        for number in range(1000):
            log.event(action, "X", principal="-", client="Evil", target="evil.example")
            if number % 100 == 0:
                await kept(log, store)
                clock.move(audit.QUIET_S / 2)
        assert [(r.action, r.count) for r in await kept(log, store)] == [(action, 1000)]
        assert caplog.messages == [f"{action} outcome=X principal=- client=Evil target=evil.example"]
        clock.move(audit.QUIET_S + 1)
        log.flush()
        assert caplog.messages[1:] == [f"{action} outcome=X principal=- client=Evil target=evil.example count=1000"]
        log.event(action, "X", principal="-", client="Evil", target="evil.example")
        assert [r.count for r in await kept(log, store)] == [1000, 1], "the next ones are a row of their own"


async def test_events_that_do_not_end_are_a_row_every_ten_minutes(tmp_path: Path) -> None:
    clock = Clock()
    async with logged(tmp_path, clock) as (log, store):
        for _ in range(int(audit.LONGEST_S * 2.5)):
            log.event("a", principal="-")
            clock.move(1)
        assert [r.count for r in await kept(log, store)] == [600, 600, 300]


async def test_what_differs_is_told_apart_until_a_stranger_makes_it_up(tmp_path: Path) -> None:
    async with logged(tmp_path) as (log, store):
        for number in range(1000):
            log.event("client.register", "invalid_redirect_uri", principal="-", target=f"https://evil{number}.example/")
        rows = await kept(log, store)
        assert len(rows) == audit.MAX_TARGETS + 1
        assert [r.target for r in rows[:2]] == ["https://evil0.example/", "https://evil1.example/"]
        assert (rows[-1].target, rows[-1].count) == (None, 1000 - audit.MAX_TARGETS)
        for number in range(20):
            log.event("grant.end", principal="owner", client=f"Client {number}")
        assert len(await kept(log, store)) == audit.MAX_TARGETS + 1 + 20, "what the owner does is told in full"


async def test_no_kind_of_row_takes_anothers_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page that was refused 100,200 times erased every older row."""
    monkeypatch.setattr(audit, "KEEP_EVENTS", 20)
    monkeypatch.setattr(audit, "KEEP_CALLS", 30)
    monkeypatch.setattr(audit, "PRUNE_EVERY", 5)
    clock = Clock()
    async with logged(tmp_path, clock) as (log, store):
        log.event("grant.end", client="ChatGPT")
        log.event("login.refuse", client="ChatGPT")
        log.add("g1", "read_workflow_file", "ok")
        for _ in range(500):
            log.event("login.refuse", principal="-")
            log.add("g1", "list_workflow_files", "ok")
            clock.move(60)
            log.flush()
        rows = await kept(log, store)
    counts = {(r.action, r.principal): 0 for r in rows}
    for row in rows:
        counts[row.action, row.principal] += 1
    assert (
        counts[("grant.end", "owner")] == counts[("login.refuse", "owner")] == counts[("read_workflow_file", "g1")] == 1
    )
    assert 20 <= counts[("login.refuse", "-")] < 20 + 5
    assert 30 <= counts[("list_workflow_files", "g1")] < 30 + 5


async def test_what_the_last_day_held_is_known_without_waiting_and_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with logged(tmp_path, clock) as (log, store):
        log.event("login.wrong", "WRONG_PASSPHRASE", principal="-", count=5)
        clock.move(3600)
        log.event("login.wrong", "WRONG_PASSPHRASE", principal="-", count=2)
        log.event("client.new", client="ChatGPT")
        log.event("login.allow")
        assert log.last_day() == {"wrong_passphrases": 7, "new_clients": 1}
        await kept(log, store)
    async with logged(tmp_path, clock) as (again, _):
        assert again.last_day() == {"wrong_passphrases": 7, "new_clients": 1}
        clock.move(86400 - 3600 + 1)
        assert again.last_day() == {"wrong_passphrases": 2, "new_clients": 1}
        clock.move(86400)
        assert again.last_day() == {"wrong_passphrases": 0, "new_clients": 0}


async def test_a_name_that_cannot_be_encoded_costs_no_other_row(tmp_path: Path) -> None:
    async with logged(tmp_path) as (log, store):
        log.add("g1", "x", "ok")
        log.event("login.begin", principal="-", client="\ud800", target="\x1b[2J")
        rows = await kept(log, store)
    assert [(r.client, r.target) for r in rows] == [(None, None), (r"\ud800", r"\x1b[2J")]


async def test_a_row_that_the_disk_refused_is_counted_in_no_other(tmp_path: Path) -> None:
    async with logged(tmp_path) as (log, store):
        log.event("a", client="x")
        (first,) = log._waiting.values()
        log.event("a", client="y")
        await kept(log, store)
        first.id = 2  # as if its own had been rolled back, and this number given to another row
        log.event("a", client="x")
        assert [(r.client, r.count) for r in await kept(log, store)][1:] == [("y", 1), ("x", 2)]
