"""Which files git tracks, read from its index: no git is run.

The format is that of git's `Documentation/gitformat-index.txt`, versions 2 to 4, with split and sparse indexes. Only
the question that adopting asks is answered: does git track a path, or anything below it?
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from rhd.access import GIT_FACTS
from rhd.errors import NotFound, Refusal
from rhd.rel_path import RelPath
from rhd.workflow.git import opened_git_folder
from rhd.workflow.root import Root

MAX_INDEX_BYTES = 256 << 20
_EXTENDED, _STAT_BYTES = 0x4000, 40


def tracks(root: Root, path: str) -> bool:
    """Say whether git tracks a path of a repository, or a folder above it as one thing (a submodule, a sparse folder).

    Raises:
        Refusal: READ_FAILED or FILE_TOO_LARGE, the index cannot be read.
        Detached: the repository is not where it was.
    """
    wanted = path.encode()
    with opened_git_folder(root) as (folder, prefix):
        return folder is not None and any(_covers(name, wanted) for name in _tracked(folder, prefix))


def _covers(name: bytes, wanted: bytes) -> bool:
    return name == wanted or wanted.startswith(name.rstrip(b"/") + b"/")


def _tracked(folder: Root, prefix: str) -> Iterator[bytes]:
    data = _read(folder, f"{prefix}index")
    if data is None:
        return
    try:
        names, shared = _parse(data)
        yield from names
        if shared is not None:
            # The split index says which of these it has dropped, too; one that it still names is taken for tracked.
            base = _read(folder, f"{prefix}sharedindex.{shared}")
            yield from _parse(base)[0] if base is not None else ()
    except (struct.error, IndexError, ValueError) as error:
        raise Refusal("git's index cannot be read", code="READ_FAILED") from error


def _read(folder: Root, path: str) -> bytes | None:
    try:
        return folder.read(RelPath(path), GIT_FACTS, MAX_INDEX_BYTES)[0]
    except NotFound:
        return None


def _parse(data: bytes) -> tuple[list[bytes], str | None]:
    """Return the paths in an index, and the name of the one that it is split from.

    Raises:
        ValueError: it is no index. struct.error or IndexError: it is cut off.
    """
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError("no index of a known version")
    digest_bytes = 32 if hashlib.sha256(data[:-32]).digest() == data[-32:] else 20
    names: list[bytes] = []
    at, name = 12, b""
    for _ in range(count):
        flags_at = at + _STAT_BYTES + digest_bytes
        (flags,) = struct.unpack_from(">H", data, flags_at)
        name_at = flags_at + (4 if flags & _EXTENDED else 2)
        if version == 4:
            dropped, name_at = _read_varint(data, name_at)
            end = data.index(b"\0", name_at)
            name = name[: len(name) - dropped] + data[name_at:end]
            at = end + 1
        else:
            end = data.index(b"\0", name_at)
            name = data[name_at:end]
            at += (end - at + 8) & ~7
        if name:  # an entry that replaces one of a shared index has none
            names.append(name)
    return names, _shared_index(data, at, digest_bytes)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, at + 1


def _shared_index(data: bytes, at: int, digest_bytes: int) -> str | None:
    while at + 8 <= len(data) - digest_bytes:
        signature, size = struct.unpack_from(">4sI", data, at)
        if signature == b"link":
            digest = data[at + 8 : at + 8 + digest_bytes]
            return digest.hex() if any(digest) else None
        at += 8 + size
    return None
