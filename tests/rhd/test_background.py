from __future__ import annotations

import logging

import pytest
import trio

from rhd.background import Background


async def fail() -> None:
    raise KeyError("secret")


async def test_a_task_that_fails_is_logged_and_takes_nothing_with_it(caplog: pytest.LogCaptureFixture) -> None:
    async with trio.open_nursery() as nursery:
        background, done = Background(nursery), trio.Event()

        async def other() -> None:
            await trio.testing.wait_all_tasks_blocked()
            done.set()

        background.start(other)
        background.start(fail)
        await done.wait()
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "task-failed task=fail")


class Service:
    """Fails as often as it is told; runs then."""

    def __init__(self, failures: int, *, at_start: bool = False) -> None:
        self.failures = failures
        self.at_start = at_start
        self.runs = 0

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.runs += 1
        if self.at_start and self.runs <= self.failures:
            raise RuntimeError
        task_status.started()
        if self.runs <= self.failures:
            await trio.sleep(0.1)
            raise RuntimeError
        await trio.sleep_forever()


async def test_a_service_that_fails_is_started_again_after_a_pause(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    restarts: list[float] = []
    async with trio.open_nursery() as nursery:
        service = Service(8)
        await Background(nursery).keep(service.run, lambda: restarts.append(trio.current_time()))
        await trio.sleep(3600)
        assert service.runs == 9
        pauses = [after - before for before, after in zip([0.0, *restarts], restarts, strict=False)]
        assert pauses == sorted(pauses)
        assert 60 <= pauses[-1] <= 61
        assert len(caplog.records) == 8
        nursery.cancel_scope.cancel()


async def test_a_service_that_cannot_start_fails_where_it_is_started() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(RuntimeError):
            await Background(nursery).keep(Service(1, at_start=True).run)


async def test_cancelling_ends_a_service() -> None:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await Background(nursery).keep(Service(0).run)
            nursery.cancel_scope.cancel()
