from __future__ import annotations

from typing import Any

import pytest
import trio

from rhd.mcpserver.outbox import PING_S, RESOURCES, TOOLS, Event, Outbox


async def test_each_pending_event_is_sent_once_in_order_of_first_mention(autojump_clock: object) -> None:
    box, sent = Outbox(), []

    async def send(event: Event) -> None:
        sent.append(event)

    for event in (TOOLS, Event("updated", "a"), TOOLS, RESOURCES, Event("updated", "a")):
        box.put(event)
    box.close()
    await box.run(send)
    assert sent == [TOOLS, Event("updated", "a"), RESOURCES]


async def test_what_changes_while_it_is_being_sent_is_told_again(autojump_clock: object) -> None:
    box, sent = Outbox(), []

    async def send(event: Event) -> None:
        sent.append(event)
        if len(sent) == 1:
            box.put(event)
            box.close()

    box.put(TOOLS)
    await box.run(send)
    assert sent == [TOOLS, TOOLS]


async def test_a_client_that_does_not_read_holds_nobody_up_and_stays_bounded(autojump_clock: object) -> None:
    box = Outbox()

    async def stuck(event: Event) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.run, stuck)
        for i in range(100_000):
            box.put(Event("updated", str(i % 50)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(box._pending) <= 50
        nursery.cancel_scope.cancel()


async def test_after_the_end_nothing_more_is_taken(autojump_clock: object) -> None:
    box = Outbox()
    box.close()
    box.put(TOOLS)
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    await box.run(send)
    assert sent == []


async def test_what_could_not_be_sent_is_still_pending(autojump_clock: object) -> None:
    box = Outbox()

    async def fail(event: Event) -> None:
        raise trio.BrokenResourceError

    box.put(TOOLS)
    assert not box.is_empty
    with pytest.raises(trio.BrokenResourceError):
        await box.run(fail)
    assert not box.is_empty
    with trio.move_on_after(1):
        await box.run(lambda event: trio.sleep_forever())
    assert not box.is_empty
    box.close()
    await box.run(lambda event: trio.lowlevel.checkpoint())
    assert box.is_empty


async def test_a_silent_stream_is_kept_open_by_pings(autojump_clock: object) -> None:
    box, log = Outbox(), list[Any]()

    async def send(event: Event) -> None:
        log.append((trio.current_time() - start, event.what))

    async def ping() -> None:
        log.append((trio.current_time() - start, "ping"))
        if len(log) == 2:
            box.put(Event("updated", "a"))
        if len(log) == 4:
            box.close()

    start = trio.current_time()
    await box.run(send, ping)
    assert log == [
        (pytest.approx(PING_S), "ping"),
        (pytest.approx(2 * PING_S), "ping"),
        (pytest.approx(2 * PING_S), "updated"),
        (pytest.approx(3 * PING_S), "ping"),
    ]
    assert PING_S < 50, "tunnels hang up after 100 s"
