"""`logs`: the newest lines of the log, and with `follow` those to come."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import trio

from rhd.control.lookup import parse_moment
from rhd.control.verb import ControlConnection, Verb, VerbCall
from rhd.errors import Refusal
from rhd.hosting.wakeup import Wakeup
from rhd.log_ring import MAX_LINES, LogRing
from rhwire.log_lines import LEVELS

DEFAULT_COUNT = 50


async def run(request: VerbCall) -> dict[str, Any]:
    """Return the newest lines of the log, oldest first; or stream them, or those `after` a number, then what comes."""
    ring, params = request.context.log_ring, request.params
    count = params["count"] if params["count"] is not None else DEFAULT_COUNT
    if not 0 <= count <= MAX_LINES:
        raise Refusal(f"count must be from 0 to {MAX_LINES}", code="INVALID_ARGUMENT")
    if params["level"] is not None and params["level"] not in LEVELS:
        raise Refusal(f"level must be one of {', '.join(LEVELS)}", code="INVALID_ARGUMENT")
    since, level = parse_moment(params["since"]) or 0.0, LEVELS.get(params["level"], 0)
    is_known = params["after"] is not None and params["pid"] == os.getpid()
    lines, last = ring.since(params["after"] if is_known else 0, level)
    lines = [line for line in lines if (parse_moment(line[1]["at"]) or 0.0) >= since]
    if not is_known:
        lines = lines[max(0, len(lines) - count) :]
    if not params["follow"]:
        return {"lines": [line for _, line in lines], "last": last, "pid": os.getpid()}
    await _LogStream(request.connection, ring, level).follow(lines, last)
    raise trio.BrokenResourceError("the client has left")


class _LogStream:
    """One connection that follows the log; it is told of lines at its own pace, and of those that are kept alone."""

    def __init__(self, connection: ControlConnection, ring: LogRing, level: int) -> None:
        self._connection = connection
        self._ring = ring
        self._level = level
        self._wakeup = Wakeup()
        self._token = trio.lowlevel.current_trio_token()

    async def follow(self, lines: list[tuple[int, dict[str, Any]]], last: int) -> None:
        """Stream lines, then what is logged after `last`, until the client leaves."""
        self._connection.stay_open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError), self._ring.poking(self._poke):
                while True:
                    for number, line in lines:
                        await self._connection.emit("event", {**line, "number": number, "pid": os.getpid()})
                    if self._ring.last == last:
                        await self._wakeup.wait()
                    lines, last = self._ring.since(last, self._level)
            nursery.cancel_scope.cancel()

    def _poke(self) -> None:  # in the thread that logs
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._wakeup.set, idempotent=True)

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        await self._connection.wait_closed()
        scope.cancel()


VERB = Verb("logs", run, {"count": int, "level": str, "since": str, "follow": bool, "after": int, "pid": int})
