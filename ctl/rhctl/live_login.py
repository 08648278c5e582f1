"""`rhctl doctor --live`: shows the steps of a login that the daemon makes to itself, as they end."""

from __future__ import annotations

import sys

from rhctl.client import DaemonClient, is_running
from rhctl.errors import NoDaemon
from rhctl.rendering import say, say_json, say_summary
from rhctl.terminal import BAD, GOOD, QUIET, paint, wrap
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAILED = 11
_NAME_WIDTH = 9  # of `challenge`


def check_live(home: Home, params: dict[str, Any], *, as_json: bool) -> int:
    """Have the daemon that runs log in to itself, and show each step; starts nothing.

    If this is interrupted, the daemon notices, and removes what it has made by then.

    Args:
        params: how the request names a repository.

    Raises:
        NoDaemon: none runs.
    """
    if not is_running(home):
        raise NoDaemon("no daemon serves this home")

    def show(step: dict[str, Any]) -> None:
        is_ok = step["status"] == "ok"
        mark = paint("ok  ", GOOD) if is_ok else paint("FAIL", BAD)
        head = f"  {mark}  {step['step']:<{_NAME_WIDTH}}  {step['duration_ms']:>6} ms  "
        indent = 8 + _NAME_WIDTH + 13 - 2
        say(head + wrap(step["message"], indent).lstrip())
        if step["next_step"]:
            say(f"{' ' * indent}{paint('next', QUIET)}: {escape(step['next_step'])}")
        sys.stdout.flush()

    with DaemonClient.connect(home) as client:
        done = client.call("doctor-live", params, on_event=None if as_json else show)
    if as_json:
        say_json(done)
    else:
        failed = [step["step"] for step in done["steps"] if step["status"] != "ok"]
        took_ms = sum(step["duration_ms"] for step in done["steps"])
        outcome = f"failed at: {', '.join(failed)}" if failed else "login and call succeed"
        say_summary(f"{outcome} through {escape(done['url'])}", f"{took_ms} ms")
    return 0 if done["ok"] else FAILED
