from __future__ import annotations

import errno

from rhwire.codes import CODES
from rhwire.errors import HarnessError, code_of_write


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = HarnessError("it is gone", code="NOT_FOUND")
    assert error.to_json() == {"code": "NOT_FOUND", "message": "it is gone", "next_step": CODES["NOT_FOUND"][1]}
    assert error.exit_code == 1


def test_details_and_a_better_next_step_are_told() -> None:
    error = HarnessError("taken", code="NAME_TAKEN", next_step="Try b.", details={"names": ["a"]})
    assert error.to_json()["next_step"] == "Try b."
    assert error.to_json()["details"] == {"names": ["a"]}


def test_a_write_that_fails_for_want_of_space_has_a_code_of_its_own() -> None:
    assert code_of_write(OSError(errno.ENOSPC, "full"), "WRITE_FAILED") == "DISK_FULL"
    assert code_of_write(OSError(errno.EDQUOT, "full"), "WRITE_FAILED") == "DISK_FULL"
    assert code_of_write(OSError(errno.EACCES, "no"), "WRITE_FAILED") == "WRITE_FAILED"
