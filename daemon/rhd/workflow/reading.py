"""Reading an artifact in pages: secrets taken out of the whole text first, then cut between characters.

A cursor is bound to the path and to the content it was made from, so that pages of two contents are never put
together; it is keyed, so that only what was given out is taken back. Between two pages the redacted text is kept for a
while: reading it all is then one redaction, not one for each page.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import NamedTuple

from rhd.access import Reach
from rhd.errors import Conflict, Refusal
from rhd.ids import Revision
from rhd.rel_path import RelPath
from rhd.workflow.check_status import read_check_status
from rhd.workflow.redaction.redact import Redacted, redact
from rhd.workflow.revisions import revision_of, version_of
from rhd.workflow.root import Root
from rhwire.escape import escape

MAX_BYTES = 4 << 20
PAGE_CHARS = 40_000
"""About 10,000 tokens: a whole artifact nearly always, and a bite that every client takes."""
PAGE_BYTES = 48 << 10
"""At most so much of UTF-8: a character of Chinese takes three bytes, and an answer has its text twice."""

_KEPT_FROM_BYTES = 4 * PAGE_BYTES
_KEPT_BYTES = 2 * MAX_BYTES
_MARKER = re.compile(r"\[REDACTED:[a-z0-9_]{1,40}\]")
_MAX_MARKER = 52
_BINARY_WITHIN = 8000
_POSITION = struct.Struct("<I16s")
_SEAL_BYTES = 12


@dataclass(frozen=True, slots=True)
class TextPage:
    """A part of one artifact's text, or all of it.

    Attributes:
        content: the text, each secret replaced by `[REDACTED:type]`.
        redactions: how many secrets of each type the whole text had.
        truncated: whether more follows.
        next_cursor: where more follows from.
        version: of the whole content, as lists show it.
        revision: only if this page is the whole text and nothing was redacted: who replaces the artifact must have
            seen it.
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


class Raw(NamedTuple):
    """An artifact as it was read, secrets included; for `page_of` and `tail_of`.

    Attributes:
        path: of the artifact.
        data: its bytes.
        size_bytes: of the file.
        modified_ns: when the file was modified, in nanoseconds since the epoch.
    """

    path: RelPath
    data: bytes
    size_bytes: int
    modified_ns: int

    @property
    def is_long(self) -> bool:
        """Whether redacting it may take seconds, and so must not count against the file system."""
        return len(self.data) >= _KEPT_FROM_BYTES


def read_raw(root: Root, path: RelPath, reach: Reach) -> Raw:
    """Return the artifact at `path` as it is on disk.

    Raises:
        PathRefused: POLICY_DENIED, SYMLINK_ESCAPE, NOT_A_FILE, NOT_A_REGULAR_FILE.
        NotFound: nothing is there.
        Refusal: FILE_TOO_LARGE (over 4 MiB), READ_FAILED.
        Detached: the repository is not where it was.
    """
    data, facts = root.read(path, reach, MAX_BYTES)
    return Raw(path, data, facts.size_bytes, facts.modified_ns)


def read_page(
    root: Root, path: RelPath, reach: Reach, key: bytes, *, cursor: str | None = None, page_chars: int = PAGE_CHARS
) -> TextPage:
    """Return one page of the artifact at `path`: `read_raw`, then `page_of`."""
    return page_of(read_raw(root, path, reach), key, cursor=cursor, page_chars=page_chars)


def page_of(raw: Raw, key: bytes, *, cursor: str | None = None, page_chars: int = PAGE_CHARS) -> TextPage:
    """Return one page of an artifact.

    Args:
        raw: the artifact as it was read.
        key: the installation's.
        cursor: `next_cursor` of the page before.
        page_chars: at most so many characters, and 48 KiB or so many bytes, whichever is more; fewer where a line ends
            shortly before.

    Raises:
        Conflict: REVISION_CONFLICT, the content is not the one that the cursor was made from.
        Refusal: BINARY_FILE, NOT_UTF8, INVALID_CURSOR.
    """
    path, data = raw.path, raw.data
    start, content = (0, None) if cursor is None else _open_cursor(key, path, cursor)
    digest = _content_digest(key, data)
    if content is not None and content != digest:
        raise Conflict(
            f"{escape(path)} changed since the page before",
            next_step="Read it again from the beginning, without a cursor.",
        )
    text, redactions = _redacted(path, data, digest)
    if start > len(text):
        raise _invalid_cursor()
    end = _page_end(text, start, page_chars)
    is_first, is_last = start == 0, end == len(text)
    if is_last and not is_first:
        _kept.drop(digest)
    return TextPage(
        content=text[start:end],
        redactions=redactions,
        truncated=not is_last,
        next_cursor=None if is_last else _seal_cursor(key, path, end, digest),
        version=version_of(key, data),
        revision=revision_of(key, data) if is_first and is_last and not redactions else None,
        size_bytes=raw.size_bytes,
        modified_ns=raw.modified_ns,
    )


class Tail(NamedTuple):
    """The end of one artifact's text, or all of it.

    Attributes:
        content: the text, each secret replaced by `[REDACTED:type]`.
        redactions: how many secrets of each type the whole text had.
        truncated: whether there is more before it.
        is_broken: whether it is called JSON and is none.
    """

    content: str
    redactions: Mapping[str, int]
    truncated: bool
    is_broken: bool


def tail_of(raw: Raw, key: bytes, *, chars: int) -> Tail:
    """Return the end of an artifact, at most `chars` characters; it begins with a line if one does nearby.

    Raises:
        Refusal: BINARY_FILE, NOT_UTF8.
    """
    text, redactions = _redacted(raw.path, raw.data, _content_digest(key, raw.data))
    start = _tail_start(text, chars)
    is_broken = raw.path.endswith(".json") and read_check_status(raw.data).is_broken
    return Tail(text[start:], redactions, start > 0, is_broken)


def _tail_start(text: str, chars: int) -> int:
    """Return where the last `chars` characters begin: with a line if one begins in their first quarter, and not within
    a marker."""
    start = max(0, len(text) - chars)
    if not start:
        return 0
    if after_line := text.find("\n", start - 1, start + chars // 4) + 1:
        return after_line
    opened = text.rfind("[", max(0, start - _MAX_MARKER), start)
    marker = None if opened < 0 else _MARKER.match(text, opened)
    return marker.end() if marker is not None and marker.end() > start else start


def _redacted(path: RelPath, data: bytes, digest: bytes) -> Redacted:
    """Return the text of a file without its secrets; a long one is redacted once for all threads that read it."""
    if len(data) < _KEPT_FROM_BYTES:
        return redact(decode_text(path, data))
    with _kept.making(digest):
        kept = _kept.get(digest)
        if kept is None:
            kept = redact(decode_text(path, data))
            _kept.keep(digest, kept)
    return kept


class _CachedText:
    """Redacted texts that are being read, by the digest of their content: bounded in bytes.

    Only long ones: redacting a short one again takes no time. They are kept as UTF-8, since one emoji makes each
    character of a string take four bytes. Any thread may call.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._making: dict[bytes, tuple[Lock, int]] = {}
        self._texts: OrderedDict[bytes, tuple[bytes, Mapping[str, int]]] = OrderedDict()
        self._lock = Lock()

    @property
    def size_bytes(self) -> int:
        """How much is kept."""
        with self._lock:
            return self._count()

    @contextmanager
    def making(self, digest: bytes) -> Iterator[None]:
        """Let one thread at a time redact a content; the others wait and then find it."""
        with self._lock:
            lock, waiting = self._making.get(digest, (Lock(), 0))
            self._making[digest] = lock, waiting + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, waiting = self._making[digest]
                self._making[digest] = lock, waiting - 1
                if waiting == 1:
                    del self._making[digest]

    def get(self, digest: bytes) -> Redacted | None:
        """Return what is kept for the content, if anything."""
        with self._lock:
            found = self._texts.get(digest)
            if found is None:
                return None
            self._texts.move_to_end(digest)
        return Redacted(found[0].decode(), found[1])

    def keep(self, digest: bytes, redacted: Redacted) -> None:
        """Keep a text, and no longer those that were not read for the longest time."""
        text = redacted.text.encode()
        with self._lock:
            self._texts[digest] = text, redacted.counts
            while self._count() > self._max_bytes:
                self._texts.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        """Keep it no longer: it has been read to its end."""
        with self._lock:
            self._texts.pop(digest, None)

    def _count(self) -> int:
        return sum(len(text) for text, _ in self._texts.values())


_kept = _CachedText(_KEPT_BYTES)


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
    """Return where a page ends: after a line, if one ends in the page's last quarter, and not within a marker."""
    end = min(start + page_chars, len(text))
    page, page_bytes = text[start:end].encode(), max(PAGE_BYTES, page_chars)
    if len(page) > page_bytes:
        end = start + len(page[:page_bytes].decode(errors="ignore"))  # without the character that was cut
    if end == len(text):
        return end
    after_line = text.rfind("\n", end - (end - start) // 4, end) + 1
    if after_line:
        return after_line
    opened = text.rfind("[", max(start, end - _MAX_MARKER), end)
    marker = None if opened < 0 else _MARKER.match(text, opened)
    if marker is None or marker.end() <= end:
        return end
    return opened if opened > start else marker.end()


def _content_digest(key: bytes, data: bytes) -> bytes:
    return blake2b(data, digest_size=16, key=key, person=b"cursor content").digest()


def _seal(key: bytes, path: RelPath, body: bytes) -> bytes:
    return blake2b(body + path.encode(), digest_size=_SEAL_BYTES, key=key, person=b"read cursor").digest()


def _seal_cursor(key: bytes, path: RelPath, start: int, content: bytes) -> str:
    body = _POSITION.pack(start, content)
    return urlsafe_b64encode(body + _seal(key, path, body)).rstrip(b"=").decode()


def _open_cursor(key: bytes, path: RelPath, cursor: str) -> tuple[int, bytes]:
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise _invalid_cursor() from None
    body, seal = sealed[: _POSITION.size], sealed[_POSITION.size :]
    if len(body) != _POSITION.size or not hmac.compare_digest(seal, _seal(key, path, body)):
        raise _invalid_cursor()
    start, content = _POSITION.unpack(body)
    return start, content


def _invalid_cursor() -> Refusal:
    return Refusal("the cursor was not given out for this artifact", code="INVALID_CURSOR")
