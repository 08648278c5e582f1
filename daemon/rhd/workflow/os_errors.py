"""Turns errors of the system into refusals: each errno has one code and one reason."""

from __future__ import annotations

import errno

from rhd.errors import Conflict, NotFound, PathRefused, Refusal, WriteFailed
from rhwire.errors import code_of_write
from rhwire.escape import escape

# errno -> (details.reason, in words). A reason is for programs and for ever, as codes are.
_REASONS = {
    errno.ENOSPC: ("no_space", "the file system is full"),
    errno.EDQUOT: ("quota", "the disk quota is used up"),
    errno.EROFS: ("read_only", "the file system is read-only"),
    errno.EACCES: ("permission", "permission is denied"),
    errno.EPERM: ("permission", "permission is denied"),
    errno.EMFILE: ("open_files", "too many files are open"),
    errno.ENFILE: ("open_files", "too many files are open"),
    errno.ENOMEM: ("memory", "memory is short"),
    errno.EIO: ("io", "the disk reports an error"),
    errno.ENAMETOOLONG: ("name_too_long", "the name is too long for this file system"),
    errno.ENOTDIR: ("not_a_folder", "a part of the path is a file"),
    errno.EMLINK: ("no_links", "the file system makes no hard links"),
    errno.ENOTSUP: ("no_links", "the file system makes no hard links"),
    errno.EOPNOTSUPP: ("no_links", "the file system makes no hard links"),
}
_OTHER = ("other", "the file system refuses")
REASONS = dict([*_REASONS.values(), _OTHER])
"""The words for each `details.reason`."""


def link_refused(path: str) -> PathRefused:
    """Return the refusal of a path with a symbolic link in it."""
    return PathRefused(f"a part of {escape(path)} is a symbolic link", code="SYMLINK_ESCAPE")


def irregular(path: str) -> PathRefused:
    """Return the refusal of what is neither a plain file nor a folder, or is on another file system."""
    return PathRefused(f"{escape(path)} is not a plain file of this repository", code="NOT_A_REGULAR_FILE")


def mounted(path: str) -> PathRefused:
    """Return the refusal of a path in which something is mounted."""
    return PathRefused(
        f"a part of {escape(path)} is mounted from elsewhere", code="NOT_A_REGULAR_FILE", details={"reason": "mount"}
    )


def not_found(path: str) -> NotFound:
    """Return the refusal of what may be reached but is not there."""
    return NotFound(f"{escape(path)} does not exist")


def path_not_found(path: str) -> Refusal:
    """Return the refusal of a path that the owner named on the command line, where nothing is."""
    return Refusal(f"there is nothing at {escape(path)}", code="PATH_NOT_FOUND")


def too_large(path: str, max_bytes: int) -> Refusal:
    """Return the refusal of a file, or of a text for one, over `max_bytes`."""
    return Refusal(f"{escape(path)} is larger than {max_bytes:,} bytes", code="FILE_TOO_LARGE")


def cannot_read(error: OSError, path: str) -> Refusal:
    """Return what it means that `path` could not be opened, listed or read."""
    match error.errno:
        case errno.ELOOP:
            return link_refused(path)
        case errno.EXDEV:
            return mounted(path)
        case errno.ENOENT | errno.ENOTDIR | errno.ENAMETOOLONG:
            return not_found(path)
        case errno.ENXIO | errno.ENODEV:  # a socket; a device without a driver
            return irregular(path)
    reason, words = _REASONS.get(error.errno or 0, _OTHER)
    return Refusal(f"{escape(path)} cannot be read: {words}", code="READ_FAILED", details={"reason": reason})


def cannot_open(error: OSError) -> Refusal:
    """Return what it means that a repository's folder could not be opened."""
    reason, words = _REASONS.get(error.errno or 0, _OTHER)
    message = f"the repository's folder cannot be opened: {words}"
    return Refusal(message, code="REPO_BROKEN", details={"reason": reason})


def cannot_write(error: OSError, path: str) -> Refusal:
    """Return what it means that `path` could not be written; the old content is intact."""
    match error.errno:
        case errno.ELOOP:
            return link_refused(path)
        case errno.EXDEV:
            return mounted(path)
        case errno.ENOENT:
            return not_found(path)
        case errno.EEXIST:
            return Conflict(f"{escape(path)} exists", code="WOULD_OVERWRITE")
    reason, words = _REASONS.get(error.errno or 0, _OTHER)
    code = code_of_write(error, WriteFailed.code)
    return WriteFailed(f"{escape(path)} cannot be written: {words}", code=code, details={"reason": reason})
