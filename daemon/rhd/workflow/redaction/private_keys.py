"""Private keys written out: PEM, PGP, SSH2 and PuTTY blocks, and the private members of JSON web keys.

A block is found in whatever holds it: a quote, a comment, a list, a table, a string of JSON or of a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rhd.workflow.redaction.heuristics import Secret, looks_random
from rhd.workflow.text_steps import Window, in_turns, windows

_STEP_CHARS = 4 << 10
"""At most so much of a text is searched at once."""

_FENCE = re.compile(
    r"-{4,5} ?(?P<what>BEGIN|END) [A-Za-z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-Lines: \d{1,4}"
)
# What may stand around the lines of a key: breaks, escaped or not, quotes, indents, bullets, bars, line numbers.
_AROUND = r"(?:\\+[rn]|<br ?/?>|[\s>#*\"'`,|/+.…-]|\d{1,4}\s)*+"
# A line of a key, or one of the headers that may stand above.
_MATERIAL_LINE = re.compile(
    rf"{_AROUND}"
    r"(?:[A-Za-z0-9+/=]{20,}+|(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Subject):[^\r\n\\]*+)"
)
# The last line is shorter than a word may be, so it has to stand alone and be no word.
_LAST_LINE = re.compile(
    r"(?:\r?\n|\\+n|<br ?/?>)(?:[ \t>#*\"'`|-]|//[ \t]|\d{1,4}[ \t])*+"
    r"(?=[A-Za-z]?+[a-z]*+[A-Z0-9+/=])[A-Za-z0-9+/=]{4,}+(?=[\"'`, \t|]*+(?:[\\<}\])\r\n]|\Z))"
)
# Between BEGIN and END no line need be recognised: one run as long as no word, and all of it is a key.
_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{40,}+")
_RUN = re.compile(r"[A-Za-z0-9+/=]*+")
_DIGEST = re.compile(r"[0-9a-f]+")

_WEB_KEY_MEMBER = re.compile(r"\\?\"(?:d|p|q|dp|dq|qi|k)\\?\"\s{0,4}+:\s{0,4}+\\?\"(?P<secret>[A-Za-z0-9_-]{20,}+)")


def find_private_keys(text: str) -> Iterator[Secret]:
    """Yield the private keys in `text`, in order: from BEGIN to its END, or as far as lines look like a key."""
    if "PRIVATE KEY" not in text and "Private-Lines" not in text:
        return
    fences = (fence for found in in_turns(text, _fences, windows(text)) for fence in found)
    begins = ((begin, after) for begin, after in _pairs(fences) if begin.what != "END")
    yield from (key for key in in_turns(text, lambda pair: _key(text, *pair), begins) if key is not None)


def _pairs(fences: Iterable[_Fence]) -> Iterator[tuple[_Fence, _Fence | None]]:
    """Yield each with the one after it."""
    before: _Fence | None = None
    for fence in fences:
        if before is not None:
            yield before, fence
        before = fence
    if before is not None:
        yield before, None


def find_web_keys(text: str) -> Iterator[Secret]:
    """Yield the private members of JSON web keys in `text`, in order."""
    if "kty" in text:
        for member in _WEB_KEY_MEMBER.finditer(text):
            if looks_random(member["secret"]):
                yield Secret(*member.span("secret"), "private_key")


class _Fence(NamedTuple):
    start: int
    end: int
    what: str


def _fences(window: Window) -> list[_Fence]:
    """Return what begins and ends keys."""
    found = _FENCE.finditer(window.text)
    return [
        _Fence(window.start + fence.start(), window.start + fence.end(), fence["what"])
        for fence in found
        if window.begin <= fence.start() < window.end
    ]


def _key(text: str, begin: _Fence, after: _Fence | None) -> Secret | None:
    """Return the key that begins at `begin`, before the fence `after`."""
    is_closed = after is not None and after.what == "END"
    last = after.start if after is not None else len(text)
    if after is not None and is_closed and _holds_material(text, begin.end, last):
        return Secret(begin.start, after.end, "private_key")
    end = _material_end(text, begin.end, last)
    if end is None:
        return None
    return Secret(begin.start, after.end if after is not None and is_closed else end, "private_key")


def _holds_material(text: str, start: int, end: int) -> bool:
    for at in range(start, end, _STEP_CHARS):
        for run in _MATERIAL.finditer(text, at, min(end, at + _STEP_CHARS)):
            if looks_random(run[0]) and not _DIGEST.fullmatch(run[0]):
                return True
    return False


def _material_end(text: str, start: int, end: int) -> int | None:
    """Return where the lines of a key end that begin at `start`; None if there are none: the text speaks of keys."""
    at = start
    while (line := _MATERIAL_LINE.match(text, at, min(end, at + _STEP_CHARS))) is not None:
        at = line.end()
    if at == start:
        return None
    at = _RUN.match(text, at, min(end, at + _STEP_CHARS)).end()  # type: ignore[union-attr]
    last = _LAST_LINE.match(text, at, min(end, at + _STEP_CHARS))
    return at if last is None else last.end()
