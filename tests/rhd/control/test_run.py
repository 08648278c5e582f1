"""`run` on the socket; what a run of a fake agent comes to is in tests/rhd/runner."""

from __future__ import annotations

from tests.support.inprocess import Running


async def test_what_is_no_run_or_no_action_is_refused(daemon: Running) -> None:
    for action in ("show", "follow", "cancel", "explode"):
        assert (await daemon.refusal("run", action=action, id="run_nothing0")).code == "RUN_NOT_FOUND"
    assert (await daemon.refusal("run", action="show")).code == "INVALID_ARGUMENT"
