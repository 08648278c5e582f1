"""The lines of the daemon's log, as both sides know them: one JSON object a line, in the ring and in the file."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The levels by name, with the numbers of `logging`."""


def parse_line(text: str) -> dict[str, Any]:
    """Return a line as `at`, `level`, `logger`, `event`, `message`, `fields` and maybe `trace`.

    What is no line of the log, such as the sentence in which a start was refused, is the message of an error.
    """
    try:
        found = json.loads(text)
        if isinstance(found, dict) and isinstance(found["message"], str) and found["level"] in (*LEVELS, "critical"):
            return found
    except (ValueError, KeyError, TypeError):
        pass
    return {"at": None, "level": "error", "logger": None, "event": None, "message": text, "fields": {}}
