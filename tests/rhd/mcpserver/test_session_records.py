from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rhd.mcpserver.session_records import (
    ENDED_S,
    MAX_ENDED_OF_GRANT,
    MAX_URI_CHARS,
    TOUCH_EVERY_S,
    UNUSED_S,
    SessionRecords,
    note_subscription,
    noting,
)
from rhd.store.database import Store
from tests.support.stores import running_store


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with running_store(tmp_path / "rhd.db") as store:
        yield store


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def loaded(store: Store, clock: Clock) -> SessionRecords:
    records = SessionRecords(store, "hub", clock)
    await records.load()
    return records


async def test_a_session_is_found_by_its_own_grant_alone_also_after_a_restart(store: Store, clock: Clock) -> None:
    records = await loaded(store, clock)
    session_id, session = records.open("g_1", b'{"x":1}')
    note_subscription(noting(records, session), "x:a", is_kept=True)
    note_subscription(noting(records, session), "x:" + "a" * MAX_URI_CHARS, is_kept=True)
    note_subscription({}, "x:b", is_kept=True)
    note_subscription(None, "x:b", is_kept=True)
    assert records.find(session_id, "g_1") is session
    for again in (records, await loaded(store, clock)):
        assert again.find(session_id, "g_2") is again.find("other", "g_1") is again.find(None, "g_1") is None
        found = again.find(session_id, "g_1")
        assert found is not None
        assert await again.state(found) == (b'{"x":1}', ["x:a"])
    (on_disk,) = await store.read(lambda c: c.execute("SELECT digest FROM sessions").fetchall())
    assert session_id.encode() not in on_disk[0]


async def test_an_ended_session_is_known_for_a_day(store: Store, clock: Clock) -> None:
    records = await loaded(store, clock)
    session_id, session = records.open("g_1", b"{}")
    records.end(session)
    records.end(session)
    assert records.living() == []
    clock.now += ENDED_S - 1
    found = (await loaded(store, clock)).find(session_id, "g_1")
    assert found is not None
    assert found.has_ended
    clock.now += 2
    assert (await loaded(store, clock)).find(session_id, "g_1") is None


async def test_a_session_that_is_used_is_kept_and_one_that_is_not_goes_after_a_month(
    store: Store, clock: Clock
) -> None:
    records = await loaded(store, clock)
    (used_id, used), (_, _) = records.open("g_1", b"{}"), records.open("g_1", b"{}")
    for _ in range(40):
        clock.now += UNUSED_S / 35
        records.use(used)
    assert clock.now - used.touched_at < TOUCH_EVERY_S
    records = await loaded(store, clock)
    assert [session.digest for session in records.living("g_1")] == [used.digest]
    assert records.find(used_id, "g_1") is not None


async def test_what_a_grant_has_ended_is_bounded_and_its_end_forgets_everything(store: Store, clock: Clock) -> None:
    records = await loaded(store, clock)
    other, _ = records.open("g_2", b"{}")
    for _ in range(MAX_ENDED_OF_GRANT + 10):
        clock.now += 1
        records.end(records.open("g_1", b"{}")[1])
    records = await loaded(store, clock)
    assert len(records._sessions) == MAX_ENDED_OF_GRANT + 1
    records.forget("g_1")
    records = await loaded(store, clock)
    assert len(records._sessions) == 1
    assert records.find(other, "g_2") is not None
