"""`logs` on the socket."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from rhwire.messages import Request
from tests.support.daemon_log import daemon_log
from tests.support.inprocess import Running, read_line


@pytest.fixture
def log(daemon: Running) -> Iterator[logging.Logger]:
    """A logger whose lines the daemon's ring keeps."""
    with daemon_log(daemon) as logger:
        yield logger


async def test_the_newest_lines_come_oldest_first(daemon: Running, log: logging.Logger) -> None:
    for number in range(5):
        log.info("event number=%d", number)
    log.error("failed")
    found = await daemon.call("logs", count=2)
    assert [line["message"] for line in found["lines"]] == ["event number=4", "failed"]
    assert (found["last"], found["pid"]) == (6, os.getpid())
    assert [line["message"] for line in (await daemon.call("logs", level="warning"))["lines"]] == ["failed"]
    assert (await daemon.call("logs", since="2100-01-01T00:00:00Z"))["lines"] == []
    assert len((await daemon.call("logs", since="2000-01-01T00:00:00+01:00"))["lines"]) == 6


async def test_what_is_logged_is_streamed_from_any_thread(daemon: Running, log: logging.Logger) -> None:
    log.info("before")
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "logs", {"follow": True, "count": 1, "level": "info"}).encode())
        assert (await read_line(stream))["params"]["message"] == "before"
        await trio.to_thread.run_sync(log.info, "from a thread")
        assert (await read_line(stream))["params"]["message"] == "from a thread"
        log.debug("not told")
        log.warning("last")
        told = (await read_line(stream))["params"]
        assert (told["message"], told["number"]) == ("last", 4)
    async with await daemon.open() as stream:  # a client that comes back goes on where it was
        request = {"follow": True, "after": 2, "pid": os.getpid()}
        await stream.send_all(Request(1, "logs", request).encode())
        assert [(await read_line(stream))["params"]["number"] for _ in range(2)] == [3, 4]
    async with await daemon.open() as stream:  # a number of another daemon says nothing
        await stream.send_all(Request(1, "logs", {"follow": True, "after": 900, "pid": 1}).encode())
        assert (await read_line(stream))["params"]["number"] == 1


@pytest.mark.parametrize("params", [{"count": -1}, {"count": 1001}, {"level": "loud"}, {"since": "now"}])
async def test_what_cannot_be_asked_is_refused(daemon: Running, params: dict[str, Any]) -> None:
    assert (await daemon.refusal("logs", **params)).code == "INVALID_ARGUMENT"
