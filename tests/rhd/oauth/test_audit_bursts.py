"""What strangers repeat is one row a storm."""

from __future__ import annotations

import trio

from rhd.oauth.audit_bursts import LONGEST_S, QUIET_S, AuditBursts
from rhd.store.audit import AuditLog


class _Audit(AuditLog):
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, object, int]] = []

    def add(self, principal: str, action: str, outcome: str, **more: object) -> None:
        self.rows.append((action, outcome, more["target"], more["count"]))  # type: ignore[arg-type]


async def test_a_storm_is_one_row_once_it_is_over(autojump_clock: trio.testing.MockClock) -> None:
    audit = _Audit()
    storms = AuditBursts(audit)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(storms.run)
        for number in range(100):
            storms.note("a", "X", target=str(number))
            storms.note("b", "Y", count=2)
            await trio.sleep(QUIET_S / 2)
        assert audit.rows == []
        await trio.sleep(2 * QUIET_S + 1)
        assert audit.rows == [("a", "X", "0", 100), ("b", "Y", None, 200)]
        storms.note("a", "X")
        await trio.sleep(2 * QUIET_S + 1)
        assert audit.rows[2:] == [("a", "X", None, 1)], "the next storm is a row of its own"
        nursery.cancel_scope.cancel()


async def test_a_storm_that_does_not_end_is_noted_every_ten_minutes(autojump_clock: trio.testing.MockClock) -> None:
    audit = _Audit()
    storms = AuditBursts(audit)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(storms.run)
        with trio.move_on_after(LONGEST_S * 2.5):
            while True:
                storms.note("a", "X")
                await trio.sleep(1)
        assert len(audit.rows) == 2
        nursery.cancel_scope.cancel()
    assert len(audit.rows) == 3, "what was counted at the end is noted, too"
