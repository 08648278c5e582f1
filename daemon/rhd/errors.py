"""What the daemon refuses: one class per decision that a caller can make.

HarnessError (rhwire)
└── Refusal                 the request is refused; nothing changed
    ├── PathRefused         the path is not reachable: grammar, reach, link, kind of file
    ├── NotFound            reachable, but it does not exist
    ├── Conflict            it exists, or is not at the expected revision
    ├── WriteFailed         the file system refused; the old content is intact
    ├── StoreFailed         the database did not take the change
    ├── Detached            the repository's folder is not where it was adopted
    └── StartRefused        the daemon cannot start; the process ends with exit 1
"""

from __future__ import annotations

from rhwire.errors import HarnessError

__all__ = [
    "Conflict",
    "Detached",
    "HarnessError",
    "NotFound",
    "PathRefused",
    "Refusal",
    "StartRefused",
    "StoreFailed",
    "WriteFailed",
]


class Refusal(HarnessError):
    """The request is refused for the reason that `code` names; nothing changed."""


class PathRefused(Refusal):
    """The path cannot be reached: its grammar, the profile's reach, a link in it, or what it names."""

    code = "POLICY_DENIED"


class NotFound(Refusal):
    """The path may be reached, but nothing is there."""

    code = "NOT_FOUND"


class Conflict(Refusal):
    """The artifact exists, or is not at the revision that the caller expects. The current one is never told."""

    code = "REVISION_CONFLICT"


class WriteFailed(Refusal):
    """The file system refused the write. The old content is intact; `details["reason"]` says why."""

    code = "WRITE_FAILED"


class StoreFailed(Refusal):
    """The database did not take the change: its disk is full (DISK_FULL), refuses (WRITE_FAILED) or hangs (TIMEOUT)."""

    code = "WRITE_FAILED"


class Detached(Refusal):
    """The repository's folder was moved, removed or replaced since it was adopted."""

    code = "REPO_DETACHED"


class StartRefused(Refusal):
    """The daemon cannot start. The message is the one sentence that the process prints before it exits with 1."""

    code = "CONFIG_INVALID"
