from __future__ import annotations

import pytest

from rhd.watch.timetable import Timetable


def take(timetable: Timetable, until: float, step: float = 0.5, start: float = 0.0) -> dict[float, list[str]]:
    taken = {}
    now = start
    while now <= until:
        if keys := timetable.take_due(now):
            taken[now] = keys
        now += step
    return taken


def test_every_key_is_due_once_a_period() -> None:
    timetable = Timetable(10.0)
    keys = [f"k{number}" for number in range(20)]
    for key in keys:
        timetable.add(key, 0.0)
    first = [key for taken in take(timetable, 10.0).values() for key in taken]
    second = [key for taken in take(timetable, 20.0, start=10.5).values() for key in taken]
    assert sorted(first) == sorted(second) == sorted(keys)


@pytest.mark.parametrize("count", [10, 100, 500])
def test_keys_are_spread_over_the_period(count: int) -> None:
    timetable = Timetable(60.0)
    for number in range(count):
        timetable.add(f"k{number}", 0.0)
    sizes = [len(keys) for keys in take(timetable, 60.0, step=6.0, start=6.0).values()]
    assert sum(sizes) == count
    assert max(sizes) <= count / 10 + 2


def test_after_a_long_pause_each_key_is_due_once_and_keeps_its_place() -> None:
    timetable = Timetable(10.0)
    for number in range(20):
        timetable.add(f"k{number}", 0.0)
    assert len(timetable.take_due(1000.0)) == 20
    assert timetable.take_due(1000.0) == []
    assert max(len(keys) for keys in take(timetable, 1010.0, start=1000.5).values()) <= 3


def test_a_removed_key_is_due_no_longer_and_one_added_twice_only_once() -> None:
    timetable = Timetable(10.0)
    timetable.add("gone", 0.0)
    timetable.add("twice", 0.0)
    timetable.add("twice", 0.0)
    timetable.remove("gone")
    timetable.remove("never there")
    assert timetable.take_due(10.0) == ["twice"]


def test_a_key_that_was_removed_and_added_again_is_due_once() -> None:
    timetable = Timetable(10.0)
    timetable.add("back", 0.0)
    timetable.remove("back")
    timetable.add("back", 0.0)
    assert timetable.take_due(10.0) == ["back"]
