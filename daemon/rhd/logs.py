"""Logging: one line an event, without content or secrets; names from outside are escaped where they are logged.

To standard error: a terminal, journald, launchd's file or the home's `rhd.log` keep it. Unauthenticated clients can
cause lines, so that equal ones are limited, and a file of ours is bounded while the daemon runs.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress

MAX_FILE_BYTES = 4 << 20
"""Of `rhd.log`; the one before is kept beside it."""
LIMIT_S = 60.0
MAX_ALIKE = 60

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
    """Writes to standard error. Where that is the file at `path`, a full one is moved aside and begun anew."""

    def __init__(self, path: str | None) -> None:
        super().__init__(sys.stderr)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        if self._path is not None:
            with suppress(OSError, ValueError):  # it is no file, or not ours to move: the line is written all the same
                _rotate(self._path, self.stream.fileno())
        super().emit(record)


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


def set_up_logging(level: str, path: str | None = None) -> None:
    """Send every logger's lines to standard error, those of libraries from warnings up.

    Args:
        level: how much the daemon itself says.
        path: of the log file. If standard error is that file, it is bounded.
    """
    handler = _StandardError(path)
    handler.setFormatter(_Format())
    handler.addFilter(_Limit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_level(level)


def set_level(level: str) -> None:
    """Set how much the daemon itself says."""
    logging.getLogger("rhd").setLevel(level.upper())
