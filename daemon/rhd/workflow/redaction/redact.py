"""Replaces secrets in text by their type: `[REDACTED:github_token]`. The syntax around them stays.

Private keys (`private_keys`), tokens with an issuer's prefix (`token_patterns`), passwords on command lines
(`commands`), columns of tables (`tables`), and values assigned to names such as `password` (`assignments`). Each search
takes linear time, since the text may be hostile, and runs in steps of bounded time.
"""

from __future__ import annotations

import functools
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from unicodedata import normalize

from rhd.workflow.redaction.assignments import find_assignments
from rhd.workflow.redaction.commands import find_command_passwords
from rhd.workflow.redaction.heuristics import Secret
from rhd.workflow.redaction.private_keys import find_private_keys, find_web_keys
from rhd.workflow.redaction.tables import find_table_cells
from rhd.workflow.redaction.token_patterns import find_shapes
from rhd.workflow.text_steps import Window, in_turns, windows

# A secret that reaches the end of a window goes on as long as a word does.
_WORD_CHARS = 4 << 10
_WORD = re.compile(r"[^\s\"'`<>\\|]*+")


class Redacted(NamedTuple):
    """A text without its secrets, and how many of each type there were."""

    text: str
    counts: Mapping[str, int]


@functools.lru_cache(maxsize=1 << 15)
def redact_path(path: str) -> str:
    """Return a path as lists show it: a secret in a name is replaced as one in a text is."""
    return redact(path).text


def compared_path(path: str) -> str:
    """Return the one spelling under which a path is compared.

    Composed and decomposed letters (NFC, NFD) name one artifact, and so does the redacted path that lists show.
    """
    return redact_path(path if path.isascii() else normalize("NFC", path))


def redact(text: str) -> Redacted:
    """Return `text` with every secret that is found replaced by `[REDACTED:type]`."""
    # Merged as they are found: of a hundred thousand, sorting and collecting garbage would hold the interpreter.
    found = heapq.merge(find_private_keys(text), find_table_cells(text), _find(text), key=_start)
    counts: Counter[str] = Counter()
    parts: list[str] = []
    at = 0
    for secret in _apart(found):
        parts += (text[at : secret.start], f"[REDACTED:{secret.type}]")
        at = secret.end
        counts[secret.type] += 1
    if not parts:
        return Redacted(text, {})
    parts.append(text[at:])
    return Redacted("".join(parts), dict(counts))


def _start(secret: Secret) -> int:
    return secret.start


def _find(text: str) -> Iterator[Secret]:
    for window, secrets in in_turns(text, _find_in, windows(text)):
        for start, end, type_ in sorted(secrets, key=_start):
            if window.begin <= start < window.end:
                is_cut = window.is_cut and end == len(window.text)
                last = _word_end(text, window.start + end) if is_cut else window.start + end
                yield Secret(window.start + start, last, type_)


def _find_in(window: Window) -> tuple[Window, list[Secret]]:
    # Of two that begin at one place the first names the type, so what is known best stands first.
    finders = (find_web_keys, find_shapes, find_command_passwords, find_assignments)
    return window, [secret for find in finders for secret in find(window.text)]


def _word_end(text: str, at: int) -> int:
    while (end := _WORD.match(text, at, at + _WORD_CHARS).end()) > at:  # type: ignore[union-attr]
        at = end
    return at


def _apart(found: Iterable[Secret]) -> Iterator[Secret]:
    """Yield what was found, in order, what overlaps as one."""
    last: Secret | None = None
    for secret in found:
        if last is None:
            last = secret
        elif secret.start >= last.end:
            yield last
            last = secret
        elif secret.end > last.end:
            last = last._replace(end=secret.end)
    if last is not None:
        yield last
