from __future__ import annotations

import threading

import pytest
import trio

from rhd.repos import owner_thread
from rhd.repos.owner_thread import OwnerThread


async def test_the_result_or_the_error_comes_back() -> None:
    thread = OwnerThread("project", on_hang=pytest.fail, on_return=pytest.fail)
    assert await thread.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)


async def test_a_call_that_hangs_is_said_and_still_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_thread, "HANGS_AFTER_S", 0.01)
    go_on, hangs, said = threading.Event(), trio.Event(), list[str]()
    thread = OwnerThread("project", on_hang=hangs.set, on_return=lambda: said.append("returned"))
    results: list[bool] = []

    async def call() -> None:
        results.append(await thread.run(lambda: go_on.wait(60)))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await hangs.wait()
            assert thread.hang is not None
            assert thread.hang.code == "TIMEOUT"
            assert said == []
            go_on.set()
    assert (results, said, thread.hang) == ([True], ["returned"], None)


async def test_cancelling_leaves_the_thread_to_end_by_itself() -> None:
    go_on = threading.Event()
    thread = OwnerThread("project", on_hang=pytest.fail, on_return=pytest.fail)
    with trio.fail_after(10), trio.move_on_after(0.01):
        await thread.run(lambda: go_on.wait(60))
    go_on.set()
