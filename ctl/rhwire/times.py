"""Times as everything here writes them: RFC 3339, UTC, milliseconds, `Z`."""

from __future__ import annotations

import time


def format_time(seconds: float) -> str:
    """Return a moment given in seconds since the epoch as `2026-11-22T10:00:00.000Z`."""
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:03d}Z"


def format_ns(nanoseconds: int) -> str:
    """Return a moment given in nanoseconds since the epoch, as `format_time` does."""
    return format_time(nanoseconds / 1e9)
