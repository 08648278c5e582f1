"""rhd.workflow.os_errors: one errno, one code; no message names what it must not."""

from __future__ import annotations

import errno

import pytest

from rhd.workflow.os_errors import cannot_read, cannot_write, link_refused, not_found


@pytest.mark.parametrize(
    ("number", "read", "write"),
    [
        (errno.ELOOP, "SYMLINK_ESCAPE", "SYMLINK_ESCAPE"),
        (errno.EXDEV, "NOT_A_REGULAR_FILE", "NOT_A_REGULAR_FILE"),
        (errno.ENOENT, "NOT_FOUND", "NOT_FOUND"),
        (errno.ENOTDIR, "NOT_FOUND", "WRITE_FAILED"),
        (errno.ENAMETOOLONG, "NOT_FOUND", "WRITE_FAILED"),
        (errno.ENXIO, "NOT_A_REGULAR_FILE", "WRITE_FAILED"),
        (errno.EEXIST, "READ_FAILED", "WOULD_OVERWRITE"),
        (errno.EACCES, "READ_FAILED", "WRITE_FAILED"),
        (errno.EMFILE, "READ_FAILED", "WRITE_FAILED"),
        (errno.ENOSPC, "READ_FAILED", "DISK_FULL"),
        (errno.EDQUOT, "READ_FAILED", "DISK_FULL"),
    ],
)
def test_each_errno_has_its_code(number: int, read: str, write: str) -> None:
    error = OSError(number, "as the system words it", "/home/somebody/repo/x")
    for refusal, code in ((cannot_read(error, "x"), read), (cannot_write(error, "x"), write)):
        assert refusal.code == code
        assert "/home" not in str(refusal.to_json())


def test_an_error_without_a_number_is_still_a_refusal() -> None:
    assert cannot_write(OSError(), "x").details == {"reason": "other"}


def test_names_are_escaped_where_they_are_told() -> None:
    for refusal in (link_refused("a\u202eb"), not_found("a\u202eb"), cannot_read(OSError(errno.EIO), "a\u202eb")):
        assert "\u202e" not in refusal.message
        assert "\\u202e" in refusal.message
