from __future__ import annotations

import threading

from rhd.hosting.last_resort import LastResort


def test_the_process_ends_in_time_and_lets_go_before() -> None:
    done: list[object] = []
    ended = threading.Event()

    def end(code: int) -> None:
        done.append(code)
        ended.set()

    LastResort(lambda: done.append("closed"), end=end).start(0.01)
    assert ended.wait(10)
    assert done == ["closed", 0]


def test_it_ends_though_closing_fails() -> None:
    ended = threading.Event()

    def fail() -> None:
        raise OSError

    LastResort(fail, end=lambda _: ended.set()).start(0.01)
    assert ended.wait(10)


def test_a_process_that_ends_by_itself_is_left_alone() -> None:
    done: list[object] = []
    last_resort = LastResort(lambda: done.append("closed"), end=done.append)
    last_resort.start(60)
    last_resort.cancel()
    (thread,) = [t for t in threading.enumerate() if t.name == "rhd-last-resort"] or [None]
    if thread is not None:
        thread.join(10)
    assert done == []
