from __future__ import annotations

import trio

from rhd.watch.outbox import Hint, Outbox


def test_folders_gather_until_they_are_taken() -> None:
    outbox = Outbox()
    outbox.hint("a", {"plans"}, "event")
    outbox.hint("b", {"tasks"}, "event")
    outbox.hint("a", {"plans", "docs"}, "event")
    hints, settled = outbox.take()
    assert hints == [Hint("a", frozenset({"plans", "docs"}), "event"), Hint("b", frozenset({"tasks"}), "event")]
    assert settled == []
    assert outbox.take() == ([], [])


def test_everything_swallows_folders_in_either_order_and_names_how_it_was_noticed() -> None:
    outbox = Outbox()
    outbox.hint("a", {"plans"}, "event")
    outbox.hint("a", None, "clock")
    outbox.hint("a", {"tasks"}, "event")
    outbox.hint("a", None, "reconcile")
    assert outbox.take()[0] == [Hint("a", None, "clock")]


async def test_it_rings_only_if_there_is_something_to_take() -> None:
    rings = []
    outbox = Outbox()
    outbox.hint("a", None, "poll")
    outbox.post()
    outbox.open(lambda: rings.append(True))
    outbox.post()
    assert len(rings) == 1
    outbox.take()
    outbox.post()
    assert len(rings) == 1
    done = trio.Event()
    outbox.settle([done])
    outbox.post()
    assert len(rings) == 2
    assert outbox.take() == ([], [done])
