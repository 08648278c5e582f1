"""`RelPath`: the path of an artifact as a request or a listing gives it, checked before any file system sees it."""

from __future__ import annotations

import unicodedata

from rhd.errors import PathRefused

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255


class RelPath(str):
    """A canonical path relative to a repository's root: `plans/prds/a.md`, without `.`, `..` and empty parts.

    Each path has one spelling, so that caches, audit rows and reaches agree on it. Names found on disk are accepted:
    spaces, colons, any script. Links are not resolved here; `Root` refuses them when it opens the path.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> RelPath:
        if not text:
            raise _misspelt("the path is empty")
        if "://" in text:
            raise _misspelt("that is a URI; name the artifact by its path")
        if text.startswith("/"):
            raise _misspelt("absolute paths are not reachable; name the artifact relative to the repository")
        if "\\" in text:
            raise _misspelt("the path holds a backslash; separate folders with /")
        if not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
            raise _misspelt("the path holds a control character")
        if len(text) > MAX_PATH_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
            raise _misspelt(f"the path is longer than {MAX_PATH_BYTES} bytes")
        for part in text.split("/"):
            if part in ("", ".", ".."):
                raise _misspelt("the path has an empty, . or .. part")
            if len(part) > 63 and len(part.encode()) > MAX_NAME_BYTES:
                raise _misspelt(f"a part of the path is longer than {MAX_NAME_BYTES} bytes")
        return super().__new__(cls, text)

    @classmethod
    def trust(cls, text: str) -> RelPath:
        """Return `text` as a path without checking it: for names joined from a listing that `Root` itself made."""
        return super().__new__(cls, text)

    @property
    def name(self) -> str:
        """The last part."""
        return self.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Everything before the last part; empty for a file at the root."""
        return self.rpartition("/")[0]


def _misspelt(why: str) -> PathRefused:
    return PathRefused(why, next_step="Write the path as list_workflow_files gives it.")
