"""`AuditBursts`: what strangers can repeat at will, counted into one audit row a storm."""

from __future__ import annotations

import trio

from rhd.store.audit import AuditLog

QUIET_S = 5.0
LONGEST_S = 600.0


class AuditBursts:
    """Counts events by kind; a storm ends after five seconds of quiet, or is noted after ten minutes and goes on."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._counts: dict[tuple[str, str], int] = {}
        self._targets: dict[tuple[str, str], str | None] = {}
        self._wake = trio.Event()
        self._is_quiet = True

    def note(self, action: str, outcome: str, *, target: str | None = None, count: int = 1) -> None:
        """Count events; never waits. The first one's target stands for the storm's."""
        key = (action, outcome)
        self._counts[key] = self._counts.get(key, 0) + count
        self._targets.setdefault(key, target)
        self._is_quiet = False
        self._wake.set()

    def flush(self) -> None:
        """Hand what was counted to the audit."""
        for (action, outcome), count in self._counts.items():
            self._audit.add("-", action, outcome, target=self._targets[action, outcome], count=count)
        self._counts.clear()
        self._targets.clear()

    async def run(self) -> None:
        """Flush at the end of each storm, until cancelled; then once more."""
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                with trio.move_on_after(LONGEST_S):
                    while not self._is_quiet:
                        self._is_quiet = True
                        await trio.sleep(QUIET_S)
                self.flush()
        finally:
            self.flush()
