"""The bridge in a process of its own, between a client and daemons, each of which may be slow, silent or gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhwire.home import Home
from rhwire.lock import take_lock
from tests.support.daemons import environment
from tests.support.json_lines import JsonLines
from tests.support.waiting import until

CHILD = """
import sys
from rhctl.__main__ import guard
from rhctl.bridge import Bridge
from rhwire.home import Home
sys.exit(guard("rhctl", [], lambda: Bridge(Home(sys.argv[1]), {"path": "/x"}, may_start=False).run()))
"""
ATTACHED = {
    "slug": "project",
    "id": "rh_1",
    "cursor": "log-7",
    "version": "1",
    "tools_hash": "a",
    "repeatable": ["read"],
}
BIG = "x" * (8 << 20)
"""More than every buffer on the way holds."""


@dataclass
class FakeDaemon:
    """A daemon as the bridge sees it: a lock, a socket, two verbs, then MCP.

    Attributes:
        asked: how often `attach` was called.
        attached: the parameters of every `attach` that succeeded, in order.
        connections: of each, the stream and what it sends.
    """

    answer: dict[str, Any]
    asked: int = 0
    attached: list[dict[str, Any]] = field(default_factory=list)
    connections: list[tuple[trio.SocketStream, JsonLines]] = field(default_factory=list)

    async def connection(self, number: int = 0) -> tuple[trio.SocketStream, JsonLines]:
        """Return the connection with this number, once it speaks MCP."""
        await until(lambda: len(self.connections) > number)
        return self.connections[number]

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until it is closed."""
        lines = JsonLines(stream)
        while (request := await lines.next()) is not None:
            params = {key: value for key, value in request["params"].items() if key != "v"}
            is_attach = request["method"] == "attach"
            self.asked += is_attach
            result = self.answer if is_attach else {"version": "1"}
            message = {"error": result["error"]} if "error" in result else {"result": result}
            await stream.send_all(json.dumps({"jsonrpc": "2.0", "id": request["id"], **message}).encode() + b"\n")
            if is_attach and "result" in message:
                self.attached.append(params)
                self.connections.append((stream, lines))
                await trio.sleep_forever()


@asynccontextmanager
async def serving(home: Home, **answer: Any) -> AsyncIterator[FakeDaemon]:
    """Yield a daemon that serves a home; leaving closes every connection, then the lock."""
    home.prepare()
    lock = take_lock(home.lock)
    daemon = FakeDaemon({**ATTACHED, **answer})
    try:
        with trio.socket.socket(trio.socket.AF_UNIX) as listener:
            await listener.bind(home.socket)
            listener.listen(8)
            async with trio.open_nursery() as nursery:
                serve = partial(trio.serve_listeners, daemon.serve, [trio.SocketListener(listener)])
                await nursery.start(serve)
                yield daemon
                nursery.cancel_scope.cancel()
    finally:
        os.unlink(home.socket)
        os.close(lock)


@dataclass
class Client:
    """A client's end of a bridge that runs."""

    process: trio.Process
    heard: JsonLines

    async def say(self, method: str, id_: int | None = None, **params: Any) -> None:
        """Send one message."""
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if id_ is None else {"id": id_})
        await self.send(json.dumps(message).encode() + b"\n")

    async def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(data)

    async def leave(self) -> None:
        """Close the bridge's standard input."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()

    async def end(self) -> tuple[int, str]:
        """Return the exit code and what was said to a person, once the bridge has ended."""
        assert self.process.stderr is not None
        said = b""
        async for data in self.process.stderr:
            said += data
        return await self.process.wait(), said.decode()


@asynccontextmanager
async def bridged(home: Home) -> AsyncIterator[Client]:
    """Yield a client of a bridge to the daemon that serves a home at the time."""
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            command = [sys.executable, "-c", CHILD, home.base]
            process = await nursery.start(partial(trio.run_process, command, **pipes, env=environment(), check=False))
            yield Client(process, JsonLines(process.stdout))
            nursery.cancel_scope.cancel()


async def send(stream: trio.SocketStream, **message: Any) -> None:
    await stream.send_all(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home"))


async def test_the_first_message_attaches_by_the_client_s_name_and_messages_pass_both_ways(home: Home) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.say("initialize", 1, clientInfo={"name": "codex"})
        stream, lines = await daemon.connection()
        (attached,) = daemon.attached
        assert attached.pop("client")
        assert attached == {"path": "/x", "label": "codex"}
        assert (await lines.next())["method"] == "initialize"
        await send(stream, id=1, result={"no": "matter"})
        await send(stream, method="notifications/message")
        assert (await client.heard.next())["result"] == {"no": "matter"}
        assert (await client.heard.next())["method"] == "notifications/message"
        await client.send(b'no json\n\n{"id": 7}\n')
        assert (await lines.stream.receive_some(9)) == b"no json\n{"[:9]


async def test_a_client_of_the_2026_era_may_begin_with_a_subscription(home: Home) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.say("subscriptions/listen", 1, notifications={"toolsListChanged": True})
        stream, lines = await daemon.connection()
        assert (await lines.next())["method"] == "subscriptions/listen"
        await send(stream, method="notifications/subscriptions/acknowledged")
        assert (await client.heard.next())["method"] == "notifications/subscriptions/acknowledged"
        await client.leave()
        assert await lines.next() is None
        await stream.aclose()
        assert await client.end() == (0, ""), "nothing is waited for any more"


async def test_what_a_client_asked_before_it_left_is_answered_then_the_bridge_ends(home: Home) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.send(b'{"id": 1, "method": "tools/list"}')  # the end of the input ends the line
        await client.leave()
        stream, lines = await daemon.connection()
        assert (await lines.next())["id"] == 1
        assert await lines.next() is None, "the daemon learns that no more comes"
        await send(stream, id=1, result={"text": BIG})
        await stream.aclose()
        assert (await client.heard.next())["result"]["text"] == BIG
        assert await client.end() == (0, "")


async def test_a_client_that_says_nothing_reaches_no_daemon(home: Home) -> None:
    async with bridged(home) as client:
        await client.leave()
        assert await client.end() == (0, "")
    assert not os.path.exists(home.base)


@pytest.mark.parametrize("first", ["client", "daemon"])
async def test_large_messages_pass_although_both_sides_write_before_either_reads(home: Home, first: str) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.say("tools/list", 1)
        stream, lines = await daemon.connection()
        await lines.next()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(send, stream, id=1, result={"text": BIG}))
            nursery.start_soon(partial(client.say, "tools/call", 2, text=BIG))
            for reader in (client.heard, lines) if first == "client" else (lines, client.heard):
                assert (await reader.next())["id"] in (1, 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_signal_ends_it_without_a_word(home: Home, number: int, is_connected: bool) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.say("initialize", 1)
        stream, lines = await daemon.connection()
        await lines.next()
        if not is_connected:
            await stream.aclose()
        client.process.send_signal(number)
        assert await client.end() == (0, "")


async def test_a_client_that_is_gone_ends_it_without_a_word(home: Home) -> None:
    async with serving(home) as daemon, bridged(home) as client:
        await client.say("initialize", 1)
        stream, _ = await daemon.connection()
        assert client.process.stdout is not None
        await client.process.stdout.aclose()
        await send(stream, method="notifications/message")
        assert await client.end() == (0, "")


async def test_the_next_daemon_gets_the_handshake_and_what_was_not_answered(home: Home) -> None:
    async with bridged(home) as client:
        async with serving(home) as first:
            await client.say("initialize", 1, clientInfo={"name": "codex"})
            stream, lines = await first.connection()
            await lines.next()
            await send(stream, id=1, result={})
            await client.heard.next()
            await client.say("notifications/initialized")
            await client.say("tools/call", 2, name="read")
            await client.say("tools/call", 3, name="append")
            sent = [await lines.next() for _ in range(3)]
            assert sent[0]["method"] == "notifications/initialized"
            await stream.send_all(b'{"jsonrpc": "2.0", "id": 2, "result": {"half a mess')
        async with serving(home) as second:
            stream, lines = await second.connection()
            (before,), (after,) = first.attached, second.attached
            assert after == {**before, "repo": "rh_1", "cursor": "log-7"}, "the same client, and from where it began"
            replayed = [await lines.next() for _ in range(3)]
            assert [each["method"] for each in replayed[:2]] == ["initialize", "notifications/initialized"]
            assert replayed[2]["id"] == 2
            refused = await client.heard.next()
            assert (refused["id"], refused["result"]["isError"]) == (3, True)
            await send(stream, id=replayed[0]["id"], result={})
            await send(stream, id=2, result={"whole": True})
            assert await client.heard.next() == {"jsonrpc": "2.0", "id": 2, "result": {"whole": True}}


async def test_a_client_without_a_repository_is_served_it_as_soon_as_there_is_one(home: Home) -> None:
    async with serving(home, slug=None, id=None, cursor=None) as daemon, bridged(home) as client:
        await client.say("initialize", 1)
        stream, lines = await daemon.connection()
        await lines.next()
        await send(stream, id=1, result={})
        await client.heard.next()
        await client.say("notifications/initialized")
        await lines.next()
        daemon.answer = ATTACHED
        await stream.aclose()
        assert (await client.heard.next())["method"] == "notifications/tools/list_changed"
        await daemon.connection(1)
        assert "repo" not in daemon.attached[1]


@pytest.mark.parametrize(
    ("spoil", "code", "exit_code"),
    [
        (None, "NO_DAEMON", 3),
        ({"code": -32000, "message": "not enabled", "data": {"code": "DEV_RUNNER_DISABLED"}}, "DEV_RUNNER_DISABLED", 1),
    ],
)
async def test_a_client_that_cannot_be_served_reads_why_in_the_answer(
    home: Home, spoil: dict[str, Any] | None, code: str, exit_code: int
) -> None:
    async def check(client: Client) -> None:
        await client.say("initialize", 1)
        answer = await client.heard.next()
        assert (answer["id"], answer["error"]["data"]["code"]) == (1, code)
        ended, said = await client.end()
        assert ended == exit_code
        assert said.startswith("rhctl: ")

    async with bridged(home) as client:
        if spoil is None:
            await check(client)
        else:
            async with serving(home, error=spoil):
                await check(client)


async def test_a_daemon_that_is_opening_is_waited_for(home: Home) -> None:
    opening = {"code": -32000, "message": "opening", "data": {"code": "REPO_OPENING"}}
    async with serving(home, error=opening) as daemon, bridged(home) as client:
        await client.say("initialize", 1)
        await until(lambda: daemon.asked > 1)
        daemon.answer = ATTACHED
        _, lines = await daemon.connection()
        assert (await lines.next())["id"] == 1
