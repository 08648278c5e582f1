"""Names for the exact bytes of an artifact: keyed digests, so that clients cannot forge a revision.

Two that cannot stand for each other: a *revision* is given by a full unredacted read and by a write, and entitles
to replace what it names; a *version* stands in lists and is only for noticing that something changed.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b

from rhd.ids import Revision

VERSION_BYTES = 9


def revision_of(key: bytes, data: bytes) -> Revision:
    """Return the revision of these bytes, in the installation that `key` belongs to."""
    return Revision("r1_" + spelled(digest_of(key, b"revision", data, 16)))


def version_of(key: bytes, data: bytes) -> str:
    """Return the version of these bytes: 12 characters, never usable as a revision."""
    return spelled(version_digest(key, data))


def version_digest(key: bytes, data: bytes) -> bytes:
    """Return the digest that a version of these bytes encodes: it takes less memory than the text."""
    return digest_of(key, b"version", data, VERSION_BYTES)


def digest_of(key: bytes, purpose: bytes, data: bytes, size_bytes: int) -> bytes:
    """Return a keyed BLAKE2b digest; digests of two purposes have nothing in common."""
    return blake2b(data, digest_size=size_bytes, key=key, person=purpose).digest()


def spelled(digest: bytes) -> str:
    """Return a digest as base64url without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
