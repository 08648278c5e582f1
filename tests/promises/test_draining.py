"""The control socket when the daemon ends: what was asked is answered, and no client delays the end."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rhd.control.socket_server import ControlServer
from rhd.control.verb import Verb
from rhd.control.verb import VerbCall as VerbRequest
from rhd.control.verb_table import VERBS
from rhwire.messages import Request


class Serving:
    """A server with two verbs of its own: `wait` answers when told to, `stream` goes on until it is cancelled."""

    def __init__(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.stop, self.over = trio.Event(), trio.Event()
        self.go, self.begun = trio.Event(), trio.Event()

        async def wait(request: VerbRequest) -> dict[str, Any]:
            self.begun.set()
            await self.go.wait()
            return {"waited": True}

        async def stream(request: VerbRequest) -> None:
            await request.connection.emit("tick", {})
            await trio.sleep_forever()

        verbs = {verb.name: verb for verb in (Verb("wait", wait), Verb("stream", stream), VERBS["version"])}
        monkeypatch.setattr("rhd.control.socket_server.VERBS", verbs)

    async def run(self, listener: trio.SocketListener, *, is_held: bool, task_status: trio.TaskStatus[None]) -> None:
        def release() -> None:
            os.unlink(self.path)

        server = ControlServer(None)  # type: ignore[arg-type]  # no verb here looks at the context
        await server.serve([listener], stop=self.stop, release=None if is_held else release, task_status=task_status)
        self.over.set()

    async def open(self) -> trio.SocketStream:
        return await trio.open_unix_socket(self.path)

    async def drain(self) -> None:
        """Tell it to, and return when it has noticed."""
        self.stop.set()
        await trio.testing.wait_all_tasks_blocked(0.02)


@pytest.fixture(params=[False, True], ids=["bound", "held"])
async def serving(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Serving]:
    """A server on a socket of its own, and on one that a service manager would hold."""
    found = Serving(str(tmp_path / "sock"), monkeypatch)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(found.path)
        sock.listen()
        sock.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(found.run, listener, is_held=request.param))
            yield found
            found.stop.set()
            with trio.fail_after(10):
                await found.over.wait()


def line(method: str) -> bytes:
    return Request(1, method, {}).encode()


async def read(stream: trio.SocketStream) -> Any:
    """Return the next answer, which a Unix socket hands over whole; None at the end."""
    with trio.fail_after(10):
        data = await stream.receive_some(65536)
    return json.loads(data) if data else None


async def test_what_was_asked_before_the_end_is_answered(serving: Serving) -> None:
    async with await serving.open() as client:
        await client.send_all(line("wait"))
        await serving.begun.wait()
        await serving.drain()
        assert not serving.over.is_set()
        serving.go.set()
        assert (await read(client))["result"] == {"waited": True}
        assert await read(client) is None
    with trio.fail_after(1):
        await serving.over.wait()


async def test_an_open_connection_may_ask_once_more(serving: Serving) -> None:
    async with await serving.open() as client:
        await client.send_all(line("version"))
        await read(client)
        await serving.drain()
        await client.send_all(line("version"))
        assert "result" in await read(client)
        assert await read(client) is None


async def test_an_idle_connection_is_closed_and_a_stream_ended(serving: Serving) -> None:
    async with await serving.open() as idle, await serving.open() as stream:
        await idle.send_all(line("version"))
        await read(idle)
        await stream.send_all(line("stream"))
        assert (await read(stream))["method"] == "tick"
        await serving.drain()
        assert await read(stream) is None
        assert await read(idle) is None
    with trio.fail_after(1):
        await serving.over.wait()


async def test_an_answer_that_never_comes_does_not_hold_the_end_up(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.control.socket_server.DRAIN_S", 0.1)
    async with await serving.open() as client:
        await client.send_all(line("wait"))
        await serving.begun.wait()
        await serving.drain()
        assert await read(client) is None
    with trio.fail_after(5):
        await serving.over.wait()


async def test_whoever_comes_too_late_waits_for_the_next_daemon_or_finds_nobody(
    serving: Serving, request: pytest.FixtureRequest
) -> None:
    is_held = request.node.callspec.params["serving"]
    async with await serving.open() as client:
        await client.send_all(line("wait"))
        await serving.begun.wait()
        await serving.drain()
        if is_held:
            async with await serving.open() as late:  # queued, and not answered by this one
                await late.send_all(line("version"))
                with trio.move_on_after(0.05) as waited:
                    await late.receive_some(1)
                assert waited.cancelled_caught
        else:
            with pytest.raises(FileNotFoundError):
                await serving.open()
        serving.go.set()
        assert "result" in await read(client)
