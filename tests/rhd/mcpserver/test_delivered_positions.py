from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.ids import RepoId
from rhd.mcpserver import delivered_positions
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.delivered_positions import DeliveredPositions
from rhd.store.change_rows import ChangeRow, save_refresh
from rhd.store.database import Store
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms
from tests.support.waiting import until

CALLER = Caller("g_1", "ChatGPT", False, lambda: None)
OWNER = Caller("owner:1", "Codex", True, lambda: None)


@dataclass
class Log:
    """One adopted repository with a log of ten changes, one a minute up to half a minute ago."""

    store: Store
    repo: RepoId
    positions: DeliveredPositions

    async def restart(self) -> DeliveredPositions:
        """Return what a daemon finds that starts now."""
        await self.store.write(lambda connection: None)  # all that was submitted before is on disk
        return DeliveredPositions(self.store)


@pytest.fixture
async def log(tmp_path: Path, repository: Repository) -> AsyncIterator[Log]:
    async with running_rooms(tmp_path / "rhd.db") as rooms:
        adopted = (await rooms.adopt(repository)).repo
        assert adopted is not None

        def fill(connection: Any) -> None:
            connection.execute("DELETE FROM changes")
            rows = [
                ChangeRow(n, "a.md", "plan", "modified", time.time() - 60 * (10 - n) - 30, "event")
                for n in range(1, 11)
            ]
            save_refresh(connection, adopted.id, adopted.log, [], [], rows)

        await until(lambda: not rooms.services.get(adopted.id).changes.is_pending)
        await rooms.store.write(fill)
        yield Log(rooms.store, adopted.id, DeliveredPositions(rooms.store))


async def test_one_that_never_heard_begins_now_and_goes_on_there_whoever_sees_its_end(log: Log) -> None:
    log.positions.begin(CALLER, {log.repo: 7})
    assert await log.positions.of(CALLER, {log.repo: 7}, has_other_stream=False) == {log.repo: 7}
    again = await log.restart()
    again.begin(CALLER, {log.repo: 10})
    assert await again.of(CALLER, {log.repo: 10}, has_other_stream=False) == {log.repo: 7}


async def test_a_position_counts_before_it_is_on_disk(log: Log) -> None:
    is_held, go_on = threading.Event(), threading.Event()
    found: list[Any] = []

    async def ask() -> None:
        found.append(await log.positions.of(CALLER, {log.repo: 10}, has_other_stream=False))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.store.write, lambda _: is_held.set() or go_on.wait(10))
            await trio.to_thread.run_sync(is_held.wait)
            log.positions.begin(CALLER, {log.repo: 7})
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            go_on.set()
    assert found == [{log.repo: 7}]


async def test_what_was_told_in_the_last_minutes_may_not_have_arrived(log: Log) -> None:
    log.positions.note(CALLER, {log.repo: 10})
    again = await log.restart()
    assert await again.of(CALLER, {log.repo: 10}, has_other_stream=False) == {log.repo: 8}
    assert await again.sure({log.repo: 10}, time.time() - 300) == {log.repo: 3}
    assert delivered_positions.UNSURE_S == 120


async def test_one_that_is_told_on_another_stream_hears_again_only_what_may_not_have_arrived_there(log: Log) -> None:
    log.positions.begin(CALLER, {log.repo: 1})
    await log.restart()
    assert await log.positions.of(CALLER, {log.repo: 10}, has_other_stream=True) == {log.repo: 8}


async def test_what_came_before_it_first_heard_is_no_news_on_a_second_stream(log: Log) -> None:
    log.positions.begin(CALLER, {log.repo: 10})
    await log.restart()
    assert await log.positions.of(CALLER, {log.repo: 10}, has_other_stream=True) == {log.repo: 10}


async def test_a_peer_of_the_socket_begins_anew_each_time(log: Log) -> None:
    log.positions.begin(OWNER, {log.repo: 3})
    log.positions.note(OWNER, {log.repo: 3})
    again = await log.restart()
    assert await again.of(OWNER, {log.repo: 10}, has_other_stream=False) == {log.repo: 10}


async def test_a_grant_that_has_ended_leaves_nothing(log: Log) -> None:
    log.positions.begin(CALLER, {log.repo: 3})
    log.positions.forget(CALLER.id)
    again = await log.restart()
    assert await again.of(CALLER, {log.repo: 10}, has_other_stream=False) == {log.repo: 10}
