from __future__ import annotations

import pytest

from rhd.web.serving.connection_slots import ConnectionSlots


class Connection:
    """Notes that it had to give way."""

    def __init__(self, slots: ConnectionSlots) -> None:
        self.is_evicted = False
        before = slots.evictions
        slots.enter(self)
        self.has_evicted = slots.evictions > before

    def abort(self) -> None:
        self.is_evicted = True


def make(slots: ConnectionSlots, number: int) -> list[Connection]:
    return [Connection(slots) for _ in range(number)]


def evicted(connections: list[Connection]) -> list[int]:
    return [number for number, each in enumerate(connections) if each.is_evicted]


@pytest.fixture
def slots() -> ConnectionSlots:
    return ConnectionSlots(most=6, most_unauthenticated=4, most_unfinished=2, most_of_owner=2)


def test_strangers_beyond_their_limit_make_room_among_themselves(slots: ConnectionSlots) -> None:
    (known,) = make(slots, 1)
    slots.begin(known)
    assert slots.authenticate(known, "g_1")
    unauthenticated = make(slots, 4)
    assert not any(each.has_evicted for each in unauthenticated)
    (late,) = make(slots, 1)
    assert late.has_evicted
    assert evicted([known, *unauthenticated, late]) == [1]
    assert len(slots) == 5


def test_unfinished_requests_are_capped_and_the_oldest_gives_way(slots: ConnectionSlots) -> None:
    connections = make(slots, 3)
    for each in connections:
        slots.begin(each)
    assert evicted(connections) == [0]
    slots.complete(connections[1])
    (fourth,) = make(slots, 1)
    slots.begin(fourth)
    assert evicted([*connections, fourth]) == [0]


def test_a_complete_request_of_a_stranger_gives_way_last(slots: ConnectionSlots) -> None:
    busy = make(slots, 3)
    for each in busy:
        slots.begin(each)
        slots.complete(each)
    (idle,) = make(slots, 1)
    (late,) = make(slots, 1)
    assert idle.is_evicted
    slots.begin(late)
    make(slots, 1)
    assert late.is_evicted
    assert evicted(busy) == []


def test_only_complete_requests_of_strangers_left_the_oldest_gives_way(slots: ConnectionSlots) -> None:
    busy = make(slots, 4)
    for each in busy:
        slots.begin(each)
        slots.complete(each)
    make(slots, 1)
    assert evicted(busy) == [0]


def test_idle_known_connections_make_room_and_busy_ones_never(slots: ConnectionSlots) -> None:
    known = make(slots, 4)
    for number, each in enumerate(known):
        slots.begin(each)
        assert slots.authenticate(each, f"g_{number}")
    slots.rest(known[2])
    slots.rest(known[1])
    unauthenticated = make(slots, 2)
    for each in unauthenticated:
        slots.begin(each)
        slots.complete(each)
    for _ in range(2):
        (late,) = make(slots, 1)
        slots.begin(late)
        assert slots.authenticate(late, "late")
    assert evicted(known) == [1, 2]
    assert evicted(unauthenticated) == []
    assert not slots.is_full
    for number, each in enumerate(unauthenticated):
        slots.authenticate(each, f"s_{number}")
    assert slots.is_full


def test_a_connection_is_judged_anew_at_each_request(slots: ConnectionSlots) -> None:
    (one,) = make(slots, 1)
    slots.begin(one)
    slots.authenticate(one, "g_1")
    slots.rest(one)
    slots.begin(one)
    unauthenticated = make(slots, 3)
    for each in unauthenticated:
        slots.begin(each)
    assert one.is_evicted


def test_an_owner_has_so_many_connections_and_its_idle_one_makes_room(slots: ConnectionSlots) -> None:
    first, second, third, other = make(slots, 4)
    for each in (first, second):
        assert slots.authenticate(each, "g_1")
    assert not slots.authenticate(third, "g_1")
    assert slots.authenticate(other, "g_2")
    slots.rest(second)
    assert slots.authenticate(third, "g_1")
    assert second.is_evicted
    assert not first.is_evicted


def test_one_that_leaves_or_was_evicted_counts_no_more(slots: ConnectionSlots) -> None:
    connections = make(slots, 5)
    assert evicted(connections) == [0]
    assert slots.authenticate(connections[0], "g_1"), "its app does not know yet"
    slots.rest(connections[0])
    assert len(slots) == 4
    for each in connections:
        slots.leave(each)
    assert len(slots) == 0
