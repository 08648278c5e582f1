"""An audit that keeps what it is told in a list."""

from __future__ import annotations

from typing import Any

from rhd.store.audit import AuditLog


class NotedEvents(AuditLog):
    """Stands for an `AuditLog` where there is no database.

    Attributes:
        events: `(action, outcome, target, count)` of each event.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str | None, int]] = []

    def event(self, action: str, outcome: str = "ok", **more: Any) -> None:
        """Keep one event."""
        self.events.append((action, outcome, more.get("target"), more.get("count", 1)))
