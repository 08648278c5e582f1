"""Replaces secrets in text by their type: `[REDACTED:github_token]`. The syntax around them stays.

Three kinds: private keys (`private_keys`), tokens with an issuer's prefix (`token_patterns`), and values assigned to
names such as `password` (`assignments`). Each search takes linear time, since the text may be hostile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rhd.workflow.redaction.assignments import find_assignments
from rhd.workflow.redaction.heuristics import Secret
from rhd.workflow.redaction.private_keys import PIECE_CHARS, find_private_keys, find_web_keys
from rhd.workflow.redaction.token_patterns import find_shapes


class Redacted(NamedTuple):
    """A text without its secrets, and how many of each type there were."""

    text: str
    counts: Mapping[str, int]


def redact(text: str) -> Redacted:
    """Return `text` with every secret that is found replaced by `[REDACTED:type]`."""
    counts: Counter[str] = Counter()
    text = _replace(text, find_private_keys(text), counts)
    text = _replace(text, find_web_keys(text), counts)
    # In pieces: a regular expression holds the interpreter for as long as it runs, and other threads with it.
    parts = [_redact_piece(piece, counts) for piece in _pieces(text)]
    return Redacted(parts[0] if len(parts) == 1 else "".join(parts), dict(counts))


def _redact_piece(text: str, counts: Counter[str]) -> str:
    # One after the other: an assigned value that has been replaced is a secret no more.
    text = _replace(text, find_shapes(text), counts)
    return _replace(text, find_assignments(text), counts)


def _replace(text: str, secrets: Iterable[Secret], counts: Counter[str]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, type_ in secrets:
        parts += (text[at:start], f"[REDACTED:{type_}]")
        at = end
        counts[type_] += 1
    return "".join((*parts, text[at:])) if parts else text


def _pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of about 64 Ki characters that end where a line does."""
    at = 0
    while len(text) - at > 2 * PIECE_CHARS:
        end = text.find("\n", at + PIECE_CHARS) + 1
        if not end:
            break
        yield text[at:end]
        at = end
    yield text[at:] if at else text
