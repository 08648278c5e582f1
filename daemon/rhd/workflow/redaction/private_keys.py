"""Private keys written out: PEM, PGP, SSH2 and PuTTY blocks, and the private members of JSON web keys.

A block is found in whatever holds it: a quote, a comment, a list, a table, a string of JSON or of a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rhd.workflow.redaction.heuristics import Secret, looks_random

PIECE_CHARS = 1 << 16
"""About so much of a text is searched at once."""

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
_DIGEST = re.compile(r"[0-9a-f]+")

_WEB_KEY_MEMBER = re.compile(r"\\?\"(?:d|p|q|dp|dq|qi|k)\\?\"\s{0,4}+:\s{0,4}+\\?\"(?P<secret>[A-Za-z0-9_-]{20,}+)")


def find_private_keys(text: str) -> Iterator[Secret]:
    """Yield the private keys in `text`, in order: from BEGIN to its END, or as far as lines look like a key."""
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        yield from _blocks(text)


def find_web_keys(text: str) -> Iterator[Secret]:
    """Yield the private members of JSON web keys in `text`, in order."""
    if "kty" in text:
        for member in _WEB_KEY_MEMBER.finditer(text):
            if looks_random(member["secret"]):
                yield Secret(*member.span("secret"), "private_key")


def _blocks(text: str) -> Iterator[Secret]:
    begin: re.Match[str] | None = None
    for fence in _fences(text):
        is_end = fence["what"] == "END"
        if begin is not None:
            if is_end and _holds_material(text, begin.end(), fence.start()):
                yield Secret(begin.start(), fence.end(), "private_key")
            elif (end := _material_end(text, begin.end(), fence.start())) is not None:
                yield Secret(begin.start(), fence.end() if is_end else end, "private_key")
        begin = None if is_end else fence
    if begin is not None and (end := _material_end(text, begin.end(), len(text))) is not None:
        yield Secret(begin.start(), end, "private_key")


def _fences(text: str) -> Iterator[re.Match[str]]:
    """Yield what begins and ends keys; in pieces, since a search holds the interpreter for as long as it runs."""
    at = 0
    while at < len(text):
        end = text.find("\n", at + PIECE_CHARS) + 1 or len(text)
        yield from _FENCE.finditer(text, at, end)
        at = end


def _holds_material(text: str, start: int, end: int) -> bool:
    runs = (run[0] for run in _MATERIAL.finditer(text, start, end))
    return any(looks_random(run) and not _DIGEST.fullmatch(run) for run in runs)


def _material_end(text: str, start: int, end: int) -> int | None:
    """Return where the lines of a key end that begin at `start`; None if none does: then somebody speaks of keys."""
    at = start
    while (line := _MATERIAL_LINE.match(text, at, end)) is not None:
        at = line.end()
    if at == start:
        return None
    last = _LAST_LINE.match(text, at, end)
    return at if last is None else last.end()
