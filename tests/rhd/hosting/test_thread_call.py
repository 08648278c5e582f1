from __future__ import annotations

import threading

import pytest
import trio

from rhd.hosting.thread_call import ThreadCall


async def test_the_result_or_the_error_comes_back() -> None:
    assert await ThreadCall(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        await ThreadCall(lambda: 1 // 0).result()


async def test_a_wait_that_is_given_up_can_be_taken_up_again() -> None:
    go_on = threading.Event()
    call = ThreadCall(lambda: go_on.wait(20))
    with trio.move_on_after(0.01) as scope:
        await call.result()
    assert scope.cancelled_caught
    assert not call.done.is_set()
    go_on.set()
    with trio.fail_after(10):
        assert await call.result() is True


def test_a_call_that_returns_after_the_end_harms_nothing() -> None:
    go_on, returned = threading.Event(), threading.Event()

    def hang() -> None:
        go_on.wait(20)
        returned.set()

    async def main() -> None:
        ThreadCall(hang)

    trio.run(main)
    go_on.set()
    assert returned.wait(10)
