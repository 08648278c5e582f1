"""Saving an artifact: whole or not at all, and never over what the writer has not seen.

The caller lets one write at a time into a repository. Editors and scripts take no such turn, so that what was
compared is compared once more in the moment of the replacement (`Root.replace`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from rhd.access import Reach
from rhd.errors import Conflict, NotFound, Refusal
from rhd.ids import Revision
from rhd.rel_path import RelPath
from rhd.workflow.blocks import Blocks
from rhd.workflow.os_errors import too_large
from rhd.workflow.reading import MAX_BYTES as MAX_READ_BYTES
from rhd.workflow.reading import decode_text
from rhd.workflow.revisions import revision_of
from rhd.workflow.root import Root
from rhwire.escape import escape

MAX_BYTES = 512 << 10
_APPEND_TRIES = 5
# HTML that no blank line ends (CommonMark, kinds 1 and 3 to 5), and what ends it.
_RAW_HTML = re.compile(r" {0,3}<((?:script|pre|style|textarea)(?=[ \t>]|\Z)|\?|!\[CDATA\[|![A-Z])", re.IGNORECASE)
_RAW_ENDS = {"?": ("?>",), "![cdata[": ("]]>",)}
_TAG_ENDS = ("</script>", "</pre>", "</style>", "</textarea>")


class Saved(NamedTuple):
    """What a write left behind: the artifact's revision, and whether the artifact is new."""

    revision: Revision
    created: bool


def save(
    root: Root,
    path: RelPath,
    reach: Reach,
    text: str,
    key: bytes,
    *,
    expected: Revision | None,
    is_ours: Callable[[Revision], bool],
) -> Saved:
    """Make `text` the content of the artifact at `path`; missing folders are made.

    Args:
        root: the repository.
        path: the artifact.
        reach: must allow reading and writing it.
        text: all of its new content.
        key: the installation's.
        expected: the revision that is replaced. Without one, only an artifact that is absent, or that a tool of
            ours wrote and that is unchanged since, is written.
        is_ours: says whether a tool of ours wrote this path at that revision, as the last to do so.

    Raises:
        Conflict: REVISION_CONFLICT, it is absent or at another revision than expected (which one is never said, so
            that a caller cannot take it from the message); WOULD_OVERWRITE, it exists and no revision was given.
        PathRefused: POLICY_DENIED, SYMLINK_ESCAPE, NOT_A_FILE, NOT_A_REGULAR_FILE.
        WriteFailed: the file system refused; the old content is intact.
        Refusal: FILE_TOO_LARGE (over 512 KiB); INVALID_ARGUMENT, the text is not encodable or has NUL characters;
            READ_FAILED.
        Detached: the repository is not where it was.
    """
    data = _encode(path, text)
    try:
        current, facts = root.read(path, reach, MAX_READ_BYTES)
    except NotFound:
        if expected is not None:
            raise Conflict(f"{escape(path)} does not exist any more") from None
        root.make_folders(_folder_of(path), reach)
        root.create(path, reach, data)
        return Saved(revision_of(key, data), created=True)
    revision = revision_of(key, current)
    if expected is None:
        if not is_ours(revision):
            raise Conflict(f"{escape(path)} exists and holds what no tool wrote last", code="WOULD_OVERWRITE")
    elif expected != revision:
        raise Conflict(f"{escape(path)} is not at the expected revision")
    if current != data:
        root.replace(path, reach, data, expected=facts)
    return Saved(revision_of(key, data), created=False)


def append(root: Root, path: RelPath, reach: Reach, text: str, key: bytes, *, max_bytes: int = MAX_BYTES) -> Saved:
    """Add `text` to the end of the Markdown artifact at `path`, on a line of its own; an absent one is created.

    A fence, a comment or raw HTML that is still open is closed first, so that it does not hide the text. No revision
    is needed, since nothing is taken away: if another program saves in between, the text is added to what it saved.
    The revision that is returned is for the daemon's own records: the caller has not seen what was there.

    Raises:
        Conflict: REVISION_CONFLICT, another program saved again and again.
        PathRefused, WriteFailed, Detached: as for `save`.
        Refusal: as for `save`; BINARY_FILE or NOT_UTF8, what is there cannot be read and so not added to;
            FILE_TOO_LARGE if it would pass `max_bytes`.
    """
    data = _encode(path, text)
    for attempt in range(_APPEND_TRIES):
        try:
            current, facts = root.read(path, reach, MAX_READ_BYTES)
        except NotFound:
            current, facts = b"", None
        closing = _closing(decode_text(path, current))
        if current and not current.endswith(b"\n"):
            current += b"\n"
        current += closing.encode()
        if len(current) + len(data) > max_bytes:
            raise too_large(path, max_bytes)
        try:
            if facts is None:
                root.make_folders(_folder_of(path), reach)
                root.create(path, reach, data)
            else:
                root.replace(path, reach, current + data, expected=facts)
        except Conflict:
            if attempt + 1 == _APPEND_TRIES:
                raise
        else:
            return Saved(revision_of(key, current + data), created=facts is None)
    raise AssertionError("the last attempt returned or raised")


def _closing(text: str) -> str:
    """Return the line that closes the fence, comment or raw HTML that is open at the end of `text`; empty if none is.

    One inside a list item or a quote needs none: the next line that stands at the margin ends it.
    """
    blocks, ends = Blocks(), tuple[str, ...]()
    for each in text.split("\n"):
        line = each.removesuffix("\r")
        if not ends:
            blocks.read(line)
            is_inside = bool(blocks.stack) and not blocks.is_lazy
            if blocks.leaf != "paragraph" or is_inside or (raw := _RAW_HTML.match(line)) is None:
                continue
            mark = raw[1].lower()
            ends = _RAW_ENDS.get(mark) or ((">",) if mark.startswith("!") else (f"</{mark}>", *_TAG_ENDS))
            line = line[raw.end() :]
        if any(end in line.lower() for end in ends):
            ends, blocks = (), Blocks()
    if ends:
        return f"{ends[0]}\n"
    if blocks.leaf not in ("fence", "comment") or blocks.is_last or blocks.stack:
        return ""
    return (blocks.fence[0] if blocks.leaf == "fence" else "-->") + "\n"


def _encode(path: RelPath, text: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("the text has half of a surrogate pair, which is no character", code="INVALID_ARGUMENT") from None
    if b"\0" in data:
        raise Refusal("the text has a NUL character, which no text file may hold", code="INVALID_ARGUMENT")
    if len(data) > MAX_BYTES:
        raise too_large(path, MAX_BYTES)
    return data


def _folder_of(path: RelPath) -> RelPath:
    return RelPath.trust(path.folder)
