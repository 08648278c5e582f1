"""What `rhctl service status` and the doctor are told; the managers' own tests play installed services."""

from __future__ import annotations

import os
from pathlib import Path

from rhctl.managers import actions
from rhctl.managers.description import describe
from rhwire.home import Home
from rhwire.lock import take_lock


def test_without_a_service_what_runs_is_told_and_what_to_do(no_daemon: Path) -> None:
    found = describe(actions.find_subject(str(no_daemon)))
    assert (found["installed"], found["pid"], found["problem"]) == (False, None, None)
    assert found["next_step"].startswith(("Install it with: ", "Start a detached daemon with: "))
    home = Home(str(no_daemon))
    home.prepare()
    lock = take_lock(home.lock)
    try:
        assert describe(actions.find_subject(str(no_daemon)))["pid"] == os.getpid()
    finally:
        os.close(lock)
