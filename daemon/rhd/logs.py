"""Logging: one line an event, without content or secrets; names from outside are escaped.

To standard error, which a terminal, journald, launchd's file or the home's `rhd.log` keep: in a terminal as text,
elsewhere as JSON. The newest lines are kept in memory for `rhctl logs`. Unauthenticated clients can cause lines, so
that equal ones are limited, and a file of ours is bounded while the daemon runs.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import suppress
from typing import Any

from rhd.log_ring import LogRing
from rhwire.escape import escape
from rhwire.times import format_time

MAX_FILE_BYTES = 4 << 20
"""Of `rhd.log`; the one before is kept beside it."""
LIMIT_S = 60.0
MAX_ALIKE = 60

_QUIET = ("hypercorn", "mcp", "httpx2", "httpcore2", "sse_starlette", "quart", "watchfiles")
_NAMED = re.compile(r"(?:^|(?<= ))([a-z][a-z0-9_-]*)=%(?:\.\d+)?[sdf]")
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class TextFormat(logging.Formatter):
    """`2026-11-22T10:00:00.000Z INFO rhd.app serving …`; of an exception its kind and place, never its text."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{format_time(record.created)} {record.levelname} {record.name} {escape(record.getMessage())}"
        return f"{line} {trace}" if (trace := _trace(record)) else line


class JsonFormat(logging.Formatter):
    """`{"at", "level", "logger", "event", "message", "fields", "trace"?}`, in ASCII.

    `event` is the first word of the message, `fields` holds the values that the message names: `url` of `url=%s`.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = escape(record.getMessage())
        line: dict[str, Any] = {
            "at": format_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": message.partition(" ")[0],
            "message": message,
            "fields": _fields(record),
        }
        if trace := _trace(record):
            line["trace"] = trace
        return json.dumps(line, separators=(",", ":"))


class JournalFormat(JsonFormat):
    """As JSON, behind the priority that journald takes off and files the line under."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"


def _trace(record: logging.LogRecord) -> str | None:
    found = record.exc_info[1] if record.exc_info else None
    return None if found is None else trace_of(found)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    template, values = str(record.msg), record.args
    names = _NAMED.findall(template)
    if not isinstance(values, tuple) or len(names) != len(values) or template.count("%") != len(names):
        return {}
    return {
        name: value if value is None or isinstance(value, int | float) else escape(str(value))
        for name, value in zip(names, values, strict=True)
    }


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


class _Limit(logging.Filter):
    """Lets at most `MAX_ALIKE` lines of one logger and one template pass a minute.

    The first line after that minute says how many were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg))
        began, count = self._seen.get(key, (record.created, 0))
        if not began <= record.created < began + LIMIT_S:
            if count > MAX_ALIKE:
                record.msg, record.args = f"{record.getMessage()} left-out={count - MAX_ALIKE}", ()
            began, count = record.created, 0
        self._seen[key] = (began, count + 1)
        return count < MAX_ALIKE


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error, and to a ring what has passed this handler's filter.

    Where standard error is the file at `path`, a full one is moved aside and begun anew.
    """

    def __init__(self, path: str | None, ring: LogRing) -> None:
        super().__init__(sys.stderr)
        self._path = path
        self._ring = ring

    def emit(self, record: logging.LogRecord) -> None:
        if self._path is not None:
            with suppress(OSError, ValueError):  # it is no file, or not ours to move: the line is written all the same
                _rotate(self._path, self.stream.fileno())
        super().emit(record)
        self._ring.handle(record)


def _rotate(path: str, descriptor: int) -> None:
    now = os.fstat(descriptor)
    named = os.stat(path, follow_symlinks=False)  # noqa: TID251 - the log is no repository's
    if now.st_size < MAX_FILE_BYTES or (now.st_dev, now.st_ino) != (named.st_dev, named.st_ino):
        return
    os.replace(path, path + ".1")
    fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    for each in {1, descriptor}:
        found = os.fstat(each)
        if (found.st_dev, found.st_ino) == (now.st_dev, now.st_ino):
            os.dup2(fresh, each)
    os.close(fresh)


def set_up_logging(level: str, path: str | None = None) -> LogRing:
    """Send every logger's lines to standard error and to a ring, those of libraries from warnings up.

    Args:
        level: how much the daemon itself says.
        path: of the log file. If standard error is that file, it is bounded.

    Returns:
        The ring.
    """
    ring = LogRing()
    ring.setFormatter(JsonFormat())
    handler = _StandardError(path, ring)
    handler.setFormatter(TextFormat() if sys.stderr.isatty() else JournalFormat() if _is_journal() else JsonFormat())
    handler.addFilter(_Limit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_level(level)
    return ring


def _is_journal() -> bool:
    """Return whether standard error is the journal's socket, as systemd says."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def set_level(level: str) -> None:
    """Set how much the daemon itself says."""
    logging.getLogger("rhd").setLevel(level.upper())
