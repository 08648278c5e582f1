"""A program with a supervisor process of its own (`run_supervisor.py`): the only way in which the daemon starts one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from rhd.errors import Refusal

SUPERVISOR = os.path.join(os.path.dirname(__file__), "run_supervisor.py")
GRACE_S = 2.0
DRAIN_S = 1.0
"""How long what a tree has printed is read once the tree is gone."""

GONE_WITHIN_S = GRACE_S + 2.0
"""How long the end of a tree is waited for; its supervisor goes on without us."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that a program starts in: what was opened, not what a name leads to later."""

    path: str
    device: int
    inode: int


@dataclass(slots=True)
class SupervisedProcess:
    """A program that runs.

    Attributes:
        output: its standard output; ends when no process of its tree is left.
        errors: its standard error, likewise.
        pid: of the program, once it has started.
        failure: why it could not be started, or why its supervisor was lost.
        status: its exit code, negative for a signal; None while it runs, or if its tree was ended first.
        is_lost: the supervisor was killed; what it left has to be swept up.
        gone: set once nothing of the tree is left.
    """

    output: trio.abc.ReceiveStream
    errors: trio.abc.ReceiveStream
    _control: trio.SocketStream
    pid: int | None = None
    failure: str | None = None
    status: int | None = None
    is_lost: bool = False
    gone: trio.Event = field(default_factory=trio.Event)

    async def end(self) -> None:
        """Ask for the end of the tree: SIGTERM, after `GRACE_S` SIGKILL. Does not wait for it."""
        try:
            with trio.move_on_after(GRACE_S):
                await self._control.send_all(b"end\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def follow(self) -> None:
        """Read the supervisor's reports until it has ended."""
        rest = b""
        while True:
            try:
                data = await self._control.receive_some(1 << 16)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
        if not self.gone.is_set():
            self.is_lost = True
            self.failure = self.failure or "the supervisor of the run was killed"
            self.gone.set()

    def _note(self, report: Mapping[str, Any]) -> None:
        match report["event"]:
            case "started":
                self.pid = report["pid"]
            case "failed":
                self.failure = report["reason"]
            case "exited":
                self.status = report["status"]
            case "gone":
                self.gone.set()


@asynccontextmanager
async def supervised(
    command: Sequence[str], environ: Mapping[str, str], *, mark: str, folder: Folder | None = None, text: str = ""
) -> AsyncIterator[SupervisedProcess]:
    """Run a program for as long as the block; when it is left, the whole tree is ended.

    Leaving waits until nothing is left, at most `GONE_WITHIN_S`; cancelling does not shorten that.

    Args:
        command: an absolute path and its arguments.
        environ: the whole environment.
        mark: by which its processes are found again, `[a-z0-9_]+`.
        folder: where it starts; the file system's root without.
        text: what it reads from standard input.

    Raises:
        Refusal: INTERNAL, the supervisor cannot be started.
    """
    job: dict[str, Any] = {"command": list(command), "environ": {**environ, "REPO_HARNESS_RUN": mark}, "mark": mark}
    job |= {"folder": None, "input": text, "grace_s": GRACE_S}
    if folder is not None:
        job["folder"] = {"path": folder.path, "device": folder.device, "inode": folder.inode}
    async with _supervisor(job) as (process, control):
        assert process.stdout is not None
        assert process.stderr is not None
        supervised = SupervisedProcess(process.stdout, process.stderr, control)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised.follow)
            try:
                yield supervised
            finally:
                with trio.move_on_after(GONE_WITHIN_S, shield=True):
                    await supervised.end()
                    await supervised.gone.wait()
                nursery.cancel_scope.cancel()


async def sweep(mark: str) -> None:
    """End what is left of a run whose supervisor is gone; return when nothing is, or after `GONE_WITHIN_S`."""
    async with _supervisor({"sweep": mark}) as (process, control):
        assert process.stdout is not None
        assert process.stderr is not None
        swept = SupervisedProcess(process.stdout, process.stderr, control)
        with trio.move_on_after(GONE_WITHIN_S):
            await swept.follow()


@asynccontextmanager
async def _supervisor(job: Mapping[str, Any]) -> AsyncIterator[tuple[trio.Process, trio.SocketStream]]:
    """Start a supervisor and send it its job."""
    ours, theirs = socket.socketpair()
    control = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    async with control:
        with theirs:
            process = await _open_process(theirs)
        try:
            with trio.fail_after(GONE_WITHIN_S):
                await control.send_all(json.dumps(job).encode() + b"\n")
            yield process, control
        except trio.BrokenResourceError:
            raise Refusal("the supervisor of the run ended before it began", code="INTERNAL") from None
        finally:
            await _let_go(process, control)


async def _open_process(control: socket.socket) -> trio.Process:
    try:
        with trio.CancelScope(shield=True):  # a process that was started and not handed over would have no owner
            process = await trio.lowlevel.open_process(
                [sys.executable, "-I", "-S", SUPERVISOR],
                stdin=control.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={"PATH": "/usr/bin:/bin"},
            )
    except OSError as error:
        raise Refusal(f"a process cannot be started: {error.strerror}", code="INTERNAL") from error
    return process


async def _let_go(process: trio.Process, control: trio.SocketStream) -> None:
    """Close our ends and reap the supervisor; one that still ends its tree is left to that."""
    with trio.move_on_after(GRACE_S, shield=True):
        await control.aclose()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a short command came to: its exit code (None: it was ended, or not started) and the start of its output."""

    status: int | None
    output: str


async def run_command(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    within_s: float,
    folder: Folder | None = None,
    max_bytes: int = 1 << 16,
) -> Finished:
    """Run a short command to its end, or for `within_s` seconds, and return what it printed on standard output."""
    output = bytearray()
    async with supervised(command, environ, mark="check", folder=folder) as process:
        async with trio.open_nursery() as nursery:

            async def drain(stream: trio.abc.ReceiveStream, kept: bytearray | None) -> None:
                async for data in stream:
                    if kept is not None and len(kept) < max_bytes:
                        kept += data[: max_bytes - len(kept)]

            nursery.start_soon(drain, process.output, output)
            nursery.start_soon(drain, process.errors, None)
            with trio.move_on_after(within_s):
                await process.gone.wait()
            nursery.cancel_scope.deadline = trio.current_time() + DRAIN_S if process.gone.is_set() else 0
    return Finished(process.status, output.decode("utf-8", "replace"))
