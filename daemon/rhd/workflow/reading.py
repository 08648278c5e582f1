"""Reading an artifact in pages: secrets taken out of the whole text first, then cut between characters.

A cursor is bound to the path and to the content it was made from, so that pages of two contents are never put
together; it is keyed, so that only what was given out is taken back.
"""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from rhd.access import Reach
from rhd.errors import Conflict, Refusal
from rhd.ids import RelPath, Revision
from rhd.workflow.redaction import redact
from rhd.workflow.revisions import revision_of, version_of
from rhd.workflow.root import Root
from rhwire.escape import escape

MAX_BYTES = 4 << 20
PAGE_CHARS = 40_000
"""About 10,000 tokens: a whole artifact nearly always, and a bite that every client takes."""

_BINARY_WITHIN = 8000
_PLACE = struct.Struct("<I16s")
_SEAL_BYTES = 12


@dataclass(frozen=True, slots=True)
class Page:
    """A part of one artifact's text, or all of it.

    Attributes:
        content: the text, each secret replaced by `[REDACTED:type]`.
        redactions: how many secrets of each type the whole text had.
        truncated: whether more follows.
        next_cursor: where more follows from.
        version: of the whole content, as lists show it.
        revision: only if this page is the whole text and nothing was redacted: whoever replaces the artifact must
            have seen it.
        size_bytes: of the file.
        modified_ns: when the file was modified, in nanoseconds since the epoch.
    """

    content: str
    redactions: Mapping[str, int]
    truncated: bool
    next_cursor: str | None
    version: str
    revision: Revision | None
    size_bytes: int
    modified_ns: int


def read_page(
    root: Root, path: RelPath, reach: Reach, key: bytes, *, cursor: str | None = None, page_chars: int = PAGE_CHARS
) -> Page:
    """Return one page of the artifact at `path`.

    Args:
        root: the repository.
        path: the artifact.
        reach: must allow reading it.
        key: the installation's.
        cursor: `next_cursor` of the page before.
        page_chars: at most so many characters; fewer where a line ends shortly before.

    Raises:
        PathRefused: POLICY_DENIED, SYMLINK_ESCAPE, NOT_A_FILE, NOT_A_REGULAR_FILE.
        NotFound: nothing is there.
        Conflict: REVISION_CONFLICT, the content is not the one that the cursor was made from.
        Refusal: FILE_TOO_LARGE (over 4 MiB), BINARY_FILE, NOT_UTF8, INVALID_CURSOR, READ_FAILED.
        Detached: the repository is not where it was.
    """
    start, content = (0, None) if cursor is None else _open_cursor(key, path, cursor)
    data, facts = root.read(path, reach, MAX_BYTES)
    if content is not None and content != _content_digest(key, data):
        raise Conflict(
            f"{escape(path)} changed since the page before",
            next_step="Read it again from the beginning, without a cursor.",
        )
    text, redactions = redact(decode_text(path, data))
    if start > len(text):
        raise _invalid_cursor()
    end = _page_end(text, start, page_chars)
    is_whole = start == 0 and end == len(text)
    return Page(
        content=text[start:end],
        redactions=redactions,
        truncated=end < len(text),
        next_cursor=_seal_cursor(key, path, end, _content_digest(key, data)) if end < len(text) else None,
        version=version_of(key, data),
        revision=revision_of(key, data) if is_whole and not redactions else None,
        size_bytes=facts.size_bytes,
        modified_ns=facts.modified_ns,
    )


def decode_text(path: RelPath, data: bytes) -> str:
    """Return the text that a file holds.

    Raises:
        Refusal: BINARY_FILE or NOT_UTF8.
    """
    if b"\0" in data[:_BINARY_WITHIN]:
        raise Refusal(f"{escape(path)} is a binary file", code="BINARY_FILE")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{escape(path)} is not UTF-8 text", code="NOT_UTF8") from error


def _page_end(text: str, start: int, page_chars: int) -> int:
    """Return where a page ends: after a line, if one ends in the page's last quarter."""
    end = start + page_chars
    if end >= len(text):
        return len(text)
    after_line = text.rfind("\n", start + page_chars - page_chars // 4, end) + 1
    return after_line or end


def _content_digest(key: bytes, data: bytes) -> bytes:
    return blake2b(data, digest_size=16, key=key, person=b"cursor content").digest()


def _seal(key: bytes, path: RelPath, body: bytes) -> bytes:
    return blake2b(body + path.encode(), digest_size=_SEAL_BYTES, key=key, person=b"read cursor").digest()


def _seal_cursor(key: bytes, path: RelPath, start: int, content: bytes) -> str:
    body = _PLACE.pack(start, content)
    return urlsafe_b64encode(body + _seal(key, path, body)).rstrip(b"=").decode()


def _open_cursor(key: bytes, path: RelPath, cursor: str) -> tuple[int, bytes]:
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise _invalid_cursor() from None
    body, seal = sealed[: _PLACE.size], sealed[_PLACE.size :]
    if len(body) != _PLACE.size or not hmac.compare_digest(seal, _seal(key, path, body)):
        raise _invalid_cursor()
    start, content = _PLACE.unpack(body)
    return start, content


def _invalid_cursor() -> Refusal:
    return Refusal("the cursor was not given out for this artifact", code="INVALID_CURSOR")
