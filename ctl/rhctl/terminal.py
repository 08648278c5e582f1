"""The terminal that output goes to: whether there is one, how wide it is, and what may be coloured."""

from __future__ import annotations

import os
import sys
import time

from rhwire.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

GOOD, WARN, BAD, QUIET, STRONG = "good", "warn", "bad", "quiet", "strong"
COLORS = ("auto", "always", "never")
_SGR = {GOOD: "32", WARN: "33", BAD: "31", QUIET: "2", STRONG: "1"}

_color = "auto"


def use_color(choice: str) -> None:
    """Colour the output from now on: `auto` (in a terminal, unless NO_COLOR is set), `always` or `never`."""
    global _color
    _color = choice


def is_terminal(stream: TextIO | None = None) -> bool:
    """Return whether a stream is a terminal (default: standard output)."""
    return (stream or sys.stdout).isatty()


def has_color(stream: TextIO | None = None) -> bool:
    """Return whether what is written to a stream may be coloured (default: standard output)."""
    if _color != "auto":
        return _color == "always"
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, meaning: str | None, stream: TextIO | None = None) -> str:
    """Return `text`, which is escaped already, in the colour of its meaning; as it is where there is no colour."""
    if not text or meaning is None or not has_color(stream):
        return text
    return f"\x1b[{_SGR[meaning]}m{text}\x1b[0m"


def width() -> int | None:
    """Return the columns of the terminal; None where standard output is none, and lines may be of any length."""
    if not is_terminal():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes; East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, room: int) -> str:
    """Return a text of at most `room` columns, with `…` for what is left out: the beginning of a path, else the end."""
    if columns(text) <= room:
        return text
    is_path = "/" in text and " " not in text
    while text and columns(text) > room - 1:
        text = text[1:] if is_path else text[:-1]
    return f"…{text}" if is_path else f"{text.rstrip()}…"


def wrap(text: str, indent: int = 0) -> str:
    """Return prose, escaped, broken between words to fit the terminal; as one line where there is none.

    A sentence that holds a command to copy is not for this: in a terminal's own wrapping it stays one line.
    """
    text, room = escape(text), width()
    if room is None or indent + columns(text) <= room:
        return " " * indent + text
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and indent + columns(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(" " * indent + line for line in lines)


def age(at: str) -> str:
    """Return `2 h ago` of a time of ours in a terminal; elsewhere the time itself, in whole seconds of UTC."""
    if not is_terminal():
        return clock(at)
    return duration(max(0, time.time() - _seconds(at))) + " ago"


def clock(at: str) -> str:
    """Return a time of ours as the terminal's user tells it: local, the day only if it is not today.

    Elsewhere the time itself, in whole seconds of UTC.
    """
    if not is_terminal():
        return at[:19] + "Z"
    there, now = time.localtime(_seconds(at)), time.localtime(time.time())
    return time.strftime("%H:%M:%S" if there[:3] == now[:3] else "%Y-%m-%d %H:%M", there)


def duration(seconds: float) -> str:
    """Return a duration in its largest unit that says something."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def _seconds(at: str) -> float:
    from datetime import datetime  # half the import of what time.strptime needs

    return datetime.fromisoformat(at).timestamp()
