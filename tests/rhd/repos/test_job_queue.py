from __future__ import annotations

import pytest
import trio

from rhd.errors import Refusal
from rhd.repos.job_queue import Job, JobQueue


async def one() -> int:
    return 1


async def fail() -> int:
    raise ValueError("no")


async def test_jobs_come_out_in_order_and_have_their_own_results() -> None:
    queue = JobQueue(3)
    jobs = [queue.put(one), queue.put(fail), queue.put(one)]
    assert len(queue) == 3
    assert [queue.take() for _ in range(4)] == [*jobs, None]
    for job in jobs:
        await job.run()
    assert await jobs[0].result() == 1
    with pytest.raises(ValueError, match="no"):
        await jobs[1].result()


async def test_a_full_queue_refuses() -> None:
    queue = JobQueue(2)
    for _ in range(2):
        queue.put(one)
    with pytest.raises(Refusal) as refused:
        queue.put(one)
    assert refused.value.code == "REPO_BUSY"
    queue.take()
    queue.put(one)


async def test_a_job_can_be_withdrawn_until_it_begins() -> None:
    queue = JobQueue(2)
    first, second = queue.put(one), queue.put(one)
    queue.take()
    assert not queue.withdraw(first)
    assert queue.withdraw(second)
    assert not queue.withdraw(second)
    assert len(queue) == 0


async def test_every_job_is_refused_with_an_exception_of_its_own() -> None:
    queue = JobQueue(2)
    jobs = [queue.put(one), queue.put(one)]
    queue.refuse_all(lambda: ValueError("gone"))
    errors = []
    for job in jobs:
        with pytest.raises(ValueError, match="gone") as refused:
            await job.result()
        errors.append(refused.value)
    assert errors[0] is not errors[1]


async def test_the_first_end_of_a_job_counts() -> None:
    go_on = trio.Event()

    async def slow() -> int:
        await go_on.wait()
        return 1

    job = Job(slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(job.run)
        await trio.testing.wait_all_tasks_blocked()
        job.refuse(ValueError("hangs"))
        go_on.set()
    with pytest.raises(ValueError, match="hangs"):
        await job.result()
