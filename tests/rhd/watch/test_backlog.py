from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from watchfiles._rust_notify import RustNotify

from rhd.watch.backlog import LEAK, READ_S, SLEEP_S, Backlog, Reader, find_reader, long_backlog, thread_ids


class FakeReader:
    """A thread that does what the test says."""

    def __init__(self) -> None:
        self.seconds = 0.02  # adding watches
        self.woken = 7
        self.has_ended = False

    def worked_s(self) -> float:
        if self.has_ended:
            raise OSError
        return self.seconds

    def sleeps(self) -> int:
        return self.woken

    def read(self, events: int, sleeps: int = 1) -> None:
        self.seconds += events * READ_S + sleeps * SLEEP_S
        self.woken += sleeps


class Setting:
    def __init__(self) -> None:
        self.now = 100.0
        self.reader = FakeReader()
        self.backlog = Backlog(self.reader, lambda: self.now)

    def look(self, after_s: float = 0.008) -> int:
        self.now += after_s
        self.backlog.note(0)
        return self.backlog.events


def test_watches_that_were_added_are_no_backlog() -> None:
    assert Setting().look() == 0


def test_what_is_read_without_a_sleep_is_a_backlog_however_long_the_process_stood_still() -> None:
    for stop_s in (0.001, 0.05, 0.7, 3600):
        setting = Setting()
        setting.reader.read(long_backlog() + 10)
        assert setting.look(stop_s) == pytest.approx(long_backlog(), abs=20)
        assert setting.backlog.is_long


def test_a_backlog_that_is_read_in_slices_is_one() -> None:
    setting = Setting()
    for _ in range(4):
        setting.reader.read(long_backlog() // 3)
        setting.look()
    assert setting.backlog.is_long


def test_a_reader_that_is_woken_for_every_event_keeps_up() -> None:
    setting = Setting()
    for _ in range(1000):
        setting.reader.read(40, sleeps=40)
        setting.reader.seconds -= 40 * READ_S
        assert setting.look() == 0


def test_a_backlog_leaks_away() -> None:
    setting = Setting()
    setting.reader.read(10 * long_backlog())
    assert setting.look() == 2 * long_backlog()
    setting.look(long_backlog() * READ_S / LEAK)
    assert setting.backlog.events == pytest.approx(long_backlog(), abs=2)
    setting.reader.read(10)
    assert setting.look(long_backlog() * READ_S / LEAK) == pytest.approx(10, abs=3)
    assert setting.look(1.0) == 0


def test_a_reader_that_has_ended_is_not_asked() -> None:
    setting = Setting()
    setting.reader.has_ended = True
    assert setting.look() == 0


def test_a_reader_that_has_ended_before_it_was_first_asked_is_none() -> None:
    reader = FakeReader()
    reader.has_ended = True
    backlog = Backlog(reader)
    backlog.note(3)
    assert backlog.events == 3


def test_without_a_reader_changes_are_counted_until_there_are_none() -> None:
    backlog = Backlog(None)
    for _ in range(2):
        backlog.note(long_backlog() // 2 + 1)
    assert backlog.is_long
    backlog.note(0)
    assert backlog.events == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_the_reader_of_a_real_watcher_is_found_among_other_threads_and_works_and_sleeps(tmp_path: Path) -> None:
    before = thread_ids()
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    notify = RustNotify([str(tmp_path)], False, False, 0, False, False)
    try:
        reader = find_reader(before)
        assert reader is not None
        worked_s, sleeps = reader.worked_s(), reader.sleeps()
        end = time.monotonic() + 10
        while reader.sleeps() < sleeps + 3:
            (tmp_path / "a.md").write_text("x")
            assert time.monotonic() < end
        assert 0 < reader.worked_s() - worked_s < 1
        assert find_reader(thread_ids()) is None
        second = RustNotify([str(tmp_path)], False, False, 0, False, False)
        assert find_reader(before) is None, "it is either"
        second.close()
    finally:
        notify.close()
        stop.set()
        other.join()


def test_a_thread_that_is_not_there_cannot_be_asked() -> None:
    gone = Reader(max(thread_ids(), default=os.getpid()) + 10_000)
    assert gone.sleeps() == 0
    with pytest.raises(OSError, match="Invalid argument"):
        gone.worked_s()


def test_where_the_system_does_not_tell_there_are_no_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rhd.watch.backlog.TASKS", str(tmp_path / "none"))
    assert thread_ids() == frozenset()
    monkeypatch.setattr("rhd.watch.backlog.TASKS", str(tmp_path))
    (tmp_path / "12").mkdir()
    assert thread_ids() == {12}
    assert find_reader(frozenset()) is None
