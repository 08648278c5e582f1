from __future__ import annotations

import pytest

from rhd.web.serving.places import Places


class Connection:
    """Notes that it had to give way."""

    def __init__(self, places: Places) -> None:
        self.is_evicted = False
        before = places.evictions
        places.enter(self)
        self.has_evicted = places.evictions > before

    def abort(self) -> None:
        self.is_evicted = True


def make(places: Places, number: int) -> list[Connection]:
    return [Connection(places) for _ in range(number)]


def evicted(connections: list[Connection]) -> list[int]:
    return [number for number, each in enumerate(connections) if each.is_evicted]


@pytest.fixture
def places() -> Places:
    return Places(most=6, most_strangers=4, most_unfinished=2, most_of_owner=2)


def test_strangers_beyond_their_limit_make_room_among_themselves(places: Places) -> None:
    (known,) = make(places, 1)
    places.begin(known)
    assert places.vouch(known, "g_1")
    strangers = make(places, 4)
    assert not any(each.has_evicted for each in strangers)
    (late,) = make(places, 1)
    assert late.has_evicted
    assert evicted([known, *strangers, late]) == [1]
    assert len(places) == 5


def test_unfinished_requests_are_capped_and_the_oldest_gives_way(places: Places) -> None:
    connections = make(places, 3)
    for each in connections:
        places.begin(each)
    assert evicted(connections) == [0]
    places.complete(connections[1])
    (fourth,) = make(places, 1)
    places.begin(fourth)
    assert evicted([*connections, fourth]) == [0]


def test_a_complete_request_of_a_stranger_gives_way_last(places: Places) -> None:
    busy = make(places, 3)
    for each in busy:
        places.begin(each)
        places.complete(each)
    (idle,) = make(places, 1)
    (late,) = make(places, 1)
    assert idle.is_evicted
    places.begin(late)
    make(places, 1)
    assert late.is_evicted
    assert evicted(busy) == []


def test_only_complete_requests_of_strangers_left_the_oldest_gives_way(places: Places) -> None:
    busy = make(places, 4)
    for each in busy:
        places.begin(each)
        places.complete(each)
    make(places, 1)
    assert evicted(busy) == [0]


def test_idle_known_connections_make_room_and_busy_ones_never(places: Places) -> None:
    known = make(places, 4)
    for number, each in enumerate(known):
        places.begin(each)
        assert places.vouch(each, f"g_{number}")
    places.rest(known[2])
    places.rest(known[1])
    strangers = make(places, 2)
    for each in strangers:
        places.begin(each)
        places.complete(each)
    for _ in range(2):
        (late,) = make(places, 1)
        places.begin(late)
        assert places.vouch(late, "late")
    assert evicted(known) == [1, 2]
    assert evicted(strangers) == []
    assert not places.is_full
    for number, each in enumerate(strangers):
        places.vouch(each, f"s_{number}")
    assert places.is_full


def test_a_connection_is_judged_anew_at_each_request(places: Places) -> None:
    (one,) = make(places, 1)
    places.begin(one)
    places.vouch(one, "g_1")
    places.rest(one)
    places.begin(one)
    strangers = make(places, 3)
    for each in strangers:
        places.begin(each)
    assert one.is_evicted


def test_an_owner_has_so_many_connections_and_its_idle_one_makes_room(places: Places) -> None:
    first, second, third, other = make(places, 4)
    for each in (first, second):
        assert places.vouch(each, "g_1")
    assert not places.vouch(third, "g_1")
    assert places.vouch(other, "g_2")
    places.rest(second)
    assert places.vouch(third, "g_1")
    assert second.is_evicted
    assert not first.is_evicted


def test_one_that_leaves_or_was_evicted_counts_no_more(places: Places) -> None:
    connections = make(places, 5)
    assert evicted(connections) == [0]
    assert places.vouch(connections[0], "g_1"), "its app does not know yet"
    places.rest(connections[0])
    assert len(places) == 4
    for each in connections:
        places.leave(each)
    assert len(places) == 0
