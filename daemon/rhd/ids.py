"""Identifiers that only parsing builds, so that each value of these types is valid.

Each is a `str`, so that it stores, prints and compares as what it says; constructing one validates.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from rhd.errors import Refusal

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_REPO_ID = re.compile(rf"rh_[{_ALPHABET}]{{20}}\Z")
SLUG_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?"
_SLUG = re.compile(rf"{SLUG_PATTERN}\Z")
_CURSOR = re.compile(rf"([{_ALPHABET}]{{6}})-(0|[1-9][0-9]{{0,17}})\Z")
_REVISION = re.compile(r"r1_[A-Za-z0-9_-]{22}\Z")


def new_token(length: int) -> str:
    """Return `length` random characters, 5 bits each, none that a person confuses with another."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


class RepoId(str):
    """A repository's immutable id, kept in its `.repo-harness/id`; slugs and paths may change, this does not."""

    __slots__ = ()

    def __new__(cls, text: str) -> RepoId:
        if not _REPO_ID.match(text):
            raise Refusal("that is not a repository id", code="REPO_NOT_FOUND")
        return super().__new__(cls, text)

    @classmethod
    def new(cls) -> RepoId:
        """Return a fresh id."""
        return cls("rh_" + new_token(20))


class Slug(str):
    """A repository's short name, as it stands in URLs and in the tools' `repo` argument."""

    __slots__ = ()

    def __new__(cls, text: str) -> Slug:
        if not _SLUG.match(text):
            raise Refusal(
                "a repository's name is 1 to 48 of a-z, 0-9 and hyphens, and neither begins nor ends with a hyphen",
                code="INVALID_ARGUMENT",
            )
        return super().__new__(cls, text)

    @classmethod
    def suggest(cls, name: str) -> Slug:
        """Return the slug that a folder's name suggests; a name without any Latin letter or digit gives `repo`."""
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        return cls(re.sub(r"[^a-z0-9]+", "-", plain)[:48].strip("-") or "repo")


class Revision(str):
    """An opaque name for the exact bytes of an artifact, given by a full unredacted read and by a write."""

    __slots__ = ()

    def __new__(cls, text: str) -> Revision:
        if not _REVISION.match(text):
            raise Refusal(
                "that is not a revision: it comes from read_workflow_file or from a write, never from a list",
                code="REVISION_CONFLICT",
            )
        return super().__new__(cls, text)


class Cursor(str):
    """A position in one repository's change log: `LOG-NUMBER`. Opaque to clients, ordered within its log."""

    __slots__ = ()

    def __new__(cls, text: str) -> Cursor:
        if not _CURSOR.match(text):
            raise Refusal("that is not a cursor of a change log", code="INVALID_CURSOR")
        return super().__new__(cls, text)

    @classmethod
    def make(cls, log: str, number: int) -> Cursor:
        """Return the cursor of entry `number` in log `log`."""
        return cls(f"{log}-{number}")

    @property
    def log(self) -> str:
        """The log that the number counts in."""
        return self[:6]

    @property
    def number(self) -> int:
        """The entry's number; 0 is before the first."""
        return int(self[7:])
