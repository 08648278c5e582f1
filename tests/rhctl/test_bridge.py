"""The stdio bridge between an agent and a daemon, each of which may be slow, silent or gone."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
import trio

from tests.support.daemons import environment

CHILD = """
import socket, sys
from rhctl.__main__ import guard
from rhctl.bridge import pump
sys.exit(guard("rhctl", [], lambda: pump(socket.socket(fileno=int(sys.argv[1])), sys.argv[2].encode())))
"""
CLOSED = """\
rhctl: the daemon closed the connection
  Start the server again in your agent; if it stays so: rhctl doctor
"""
BIG = b"x" * (8 << 20)
"""More than every buffer on the way holds."""


@dataclass
class Bridge:
    """A bridge that runs, seen from both its ends."""

    process: trio.Process
    daemon: trio.SocketStream

    @property
    def stdin(self) -> trio.abc.SendStream:
        """Where the agent writes."""
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> trio.abc.ReceiveStream:
        """Where the agent reads."""
        assert self.process.stdout is not None
        return self.process.stdout

    async def end(self) -> tuple[int, str]:
        """Return the exit code and what was said to the person, once it has ended."""
        assert self.process.stderr is not None
        said = b""
        async for data in self.process.stderr:
            said += data
        return await self.process.wait(), said.decode()


@asynccontextmanager
async def bridge(rest: bytes = b"") -> AsyncIterator[Bridge]:
    """Yield a bridge in a process of its own."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", CHILD, str(theirs.fileno()), rest.decode()]
    with trio.fail_after(30):
        async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as daemon, trio.open_nursery() as nursery:
            with theirs:
                process = await nursery.start(lambda task_status: _run(command, theirs.fileno(), task_status))
            yield Bridge(process, daemon)
            nursery.cancel_scope.cancel()


async def _run(command: list[str], fd: int, task_status: trio.TaskStatus[trio.Process]) -> None:
    pipes = {"stdin": -1, "stdout": -1, "stderr": -1}
    await trio.run_process(command, **pipes, pass_fds=[fd], env=environment(), check=False, task_status=task_status)


async def receive(stream: trio.abc.ReceiveStream, length: int) -> bytes:
    """Return so many bytes, or fewer if the stream ends before."""
    found = bytearray()
    while len(found) < length and (data := await stream.receive_some(length - len(found))):
        found += data
    return bytes(found)


async def test_bytes_pass_both_ways_as_they_are_and_what_was_read_before_comes_first() -> None:
    async with bridge(rest=b"first,") as pipe:
        await pipe.daemon.send_all(b"\x00\xff no json\r\n")
        assert await receive(pipe.stdout, 18) == b"first,\x00\xff no json\r\n"
        await pipe.stdin.send_all(b"\xfe\x00\n")
        assert await receive(pipe.daemon, 3) == b"\xfe\x00\n"


async def test_an_agent_that_only_asks_and_leaves_gets_every_answer() -> None:
    async with bridge() as pipe:
        await pipe.stdin.send_all(b"question")
        await pipe.stdin.aclose()
        assert await receive(pipe.daemon, 100) == b"question"  # and then the end, so the daemon knows
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pipe.daemon.send_all, BIG)
            assert await receive(pipe.stdout, len(BIG)) == BIG
        await pipe.daemon.send_eof()
        assert await pipe.end() == (0, "")


async def test_an_agent_that_says_nothing_at_all_ends_well() -> None:
    async with bridge() as pipe:
        await pipe.stdin.aclose()
        assert await receive(pipe.daemon, 1) == b""
        await pipe.daemon.send_eof()
        assert await pipe.end() == (0, "")


@pytest.mark.parametrize("first", ["agent", "daemon"])
async def test_big_messages_pass_though_both_sides_write_before_either_reads(first: str) -> None:
    async with bridge() as pipe, trio.open_nursery() as nursery:
        nursery.start_soon(pipe.daemon.send_all, BIG)
        nursery.start_soon(pipe.stdin.send_all, BIG)
        readers = [pipe.stdout, pipe.daemon] if first == "agent" else [pipe.daemon, pipe.stdout]
        for reader in readers:  # nobody reads at the other end until this one has everything
            assert await receive(reader, len(BIG)) == BIG


async def test_the_daemon_s_end_ends_an_agent_s_server_with_a_word_why() -> None:
    async with bridge() as pipe:
        await pipe.daemon.send_all(b"last words")
        await pipe.daemon.aclose()
        assert await receive(pipe.stdout, 100) == b"last words"
        assert await pipe.end() == (1, CLOSED)


async def test_the_daemon_s_end_in_the_middle_of_a_message_is_no_traceback() -> None:
    async with bridge() as pipe, trio.open_nursery() as nursery:
        nursery.start_soon(_send_in_vain, pipe.stdin)
        assert await receive(pipe.daemon, 1000)
        await pipe.daemon.aclose()
        assert await pipe.end() == (1, CLOSED)


async def test_an_agent_that_is_gone_ends_the_bridge_without_a_word() -> None:
    async with bridge() as pipe:
        await pipe.stdout.aclose()
        await pipe.daemon.send_all(b"x" * 100)
        assert await pipe.end() == (0, "")


async def _send_in_vain(stream: trio.abc.SendStream) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.send_all(BIG)
