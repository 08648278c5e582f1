"""What the client itself finds out, and how a command then ends."""

from __future__ import annotations

import pytest

from rhctl.errors import CommandRefused, NoDaemon, UsageError
from rhwire.errors import HarnessError


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (UsageError("x"), "USAGE", 2),
        (NoDaemon("x"), "NO_DAEMON", 3),
        (CommandRefused("x", code="REPO_NOT_FOUND"), "REPO_NOT_FOUND", 4),
        (CommandRefused("x", code="NAME_TAKEN"), "NAME_TAKEN", 1),
    ],
)
def test_each_has_its_code_exit_code_and_next_step(error: HarnessError, code: str, exit_code: int) -> None:
    assert (error.code, error.exit_code) == (code, exit_code)
    assert error.next_step
