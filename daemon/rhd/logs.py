"""Logging: one line an event, names escaped by the caller, no content, no secrets.

To standard error: a terminal, journald, launchd's file or the home's `rhd.log` keep it.
"""

from __future__ import annotations

import logging
import sys
import time

_QUIET = ("hypercorn", "mcp", "httpx2", "httpcore2", "sse_starlette", "quart", "watchfiles")


class _Format(logging.Formatter):
    """`2026-11-22T10:00:00.000Z INFO rhd.app serving …`; of an exception its kind and place, never its text."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line = f"{at} {record.levelname} {record.name} {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            line += " " + trace_of(record.exc_info[1])
        return line.replace("\n", "\\n")


def trace_of(error: BaseException) -> str:
    """Return where an exception came from, without its message, which could hold content."""
    parts, at = [], error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        parts.append(f"{code.co_filename.rpartition('/')[2]}:{at.tb_lineno}:{code.co_name}")
        at = at.tb_next
    inner = ""
    if isinstance(error, BaseExceptionGroup):
        inner = " [" + "; ".join(trace_of(each) for each in error.exceptions[:3]) + "]"
    return f"{type(error).__name__} at {' > '.join(parts[-8:])}{inner}"


def set_up_logging(level: str) -> None:
    """Send every logger's lines to standard error, those of libraries from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_level(level)


def set_level(level: str) -> None:
    """Set how much the daemon itself says."""
    logging.getLogger("rhd").setLevel(level.upper())
