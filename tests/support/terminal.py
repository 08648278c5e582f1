"""The client's commands in this process, as a person types them: what they print, what they are typed, how they end."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

import rhctl.__main__
import rhctl.repo_harness
from rhctl.terminal import use_color
from rhwire.escape import is_plain
from tests.support.daemons import environment

MODULES = {"rhctl": "rhctl", "repo-harness": "rhctl.repo_harness"}
PROGRAMS: dict[str, Callable[[list[str]], int]] = {
    "rhctl": rhctl.__main__.main,
    "repo-harness": rhctl.repo_harness.main,
}


@dataclass(frozen=True)
class Said:
    """What one command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def lines(self) -> list[Any]:
        """One JSON object a line, as streams print."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def refusal(self) -> str:
        """The code of the refusal that was printed as JSON, complete and alone."""
        error = self.json["error"]
        assert {"code", "message", "next_step"} <= set(error) <= {"code", "message", "next_step", "details"}
        assert set(self.json) == {"error"}
        assert error["message"]
        return str(error["code"])


HOSTILE = "evil\x1b[2J\nname\u202e"
"""A name that clears a terminal, makes a line of its own and reads backwards."""


def is_safe(text: str) -> bool:
    """Say whether every line of `text` prints as itself, and nothing of the hostile name stands at a line's start."""
    return all(is_plain(line) and not line.startswith("name") for line in text.split("\n"))


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*words: str, program: str = "rhctl", typed: str | None = None) -> Said:
    """Run a command in this thread.

    Args:
        typed: what a person answers; None means that standard input is no terminal.
    """
    out, err = io.StringIO(), io.StringIO()
    with _stdin(io.StringIO() if typed is None else _Keyboard(typed)):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = PROGRAMS[program](list(words))
    return Said(code, out.getvalue(), err.getvalue())


@contextmanager
def at_terminal(columns: int, color: str = "never") -> Iterator[Callable[[], str]]:
    """Have standard output be a pseudo-terminal; yields what returns all that it has shown, once the block is left.

    Args:
        columns: how wide it is.
        color: as `--color`.
    """
    use_color(color)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    heard = bytearray()

    def hear() -> None:
        with contextlib.suppress(OSError):  # EIO: the last writer has closed it
            while data := os.read(master, 65536):
                heard.extend(data)

    reader = threading.Thread(target=hear)
    reader.start()
    try:
        with open(slave, "w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
            yield lambda: heard.decode().replace("\r\n", "\n")
    finally:
        reader.join()
        os.close(master)
        use_color("auto")


def plain(seen: str) -> str:
    """Return what a terminal has shown without its colours."""
    return re.sub(r"\x1b\[\d*m", "", seen)


def run_at(columns: int, *words: str, color: str = "never") -> str:
    """Run a command in this thread with a pseudo-terminal for its output, and return what that has shown."""
    with at_terminal(columns) as seen:
        PROGRAMS["rhctl"]([f"--color={color}", *words])
    return seen()


async def type_at(columns: int, *words: str, color: str = "never") -> str:
    """As `run_at`, in a thread, while the daemon that it talks to runs in this one."""
    with trio.fail_after(30):
        return await trio.to_thread.run_sync(lambda: run_at(columns, *words, color=color), abandon_on_cancel=True)


async def type_in(*words: str, program: str = "rhctl", typed: str | None = None) -> Said:
    """Run a command in a thread, while the daemon that it talks to runs in this one."""
    with trio.fail_after(30):
        return await trio.to_thread.run_sync(lambda: run(*words, program=program, typed=typed), abandon_on_cancel=True)


@asynccontextmanager
async def spawned(*words: str, program: str = "rhctl", cwd: Path | None = None) -> AsyncIterator[trio.Process]:
    """Yield a command in a process of its own, with a pipe for each of its streams; it is killed at the end."""
    command = [sys.executable, "-m", MODULES[program], *words]

    async def run(task_status: trio.TaskStatus[trio.Process]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        await trio.run_process(command, **pipes, cwd=cwd, env=environment(), check=False, task_status=task_status)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            yield await nursery.start(run)
            nursery.cancel_scope.cancel()


async def finish(process: trio.Process) -> Said:
    """Close a command's standard input; return what it printed from then on, and how it ended."""
    heard: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    async def hear(name: str) -> None:
        async for data in getattr(process, name):
            heard[name] += data

    assert process.stdin is not None
    await process.stdin.aclose()
    async with trio.open_nursery() as nursery:
        for name in heard:
            nursery.start_soon(hear, name)
    return Said(await process.wait(), heard["stdout"].decode(), heard["stderr"].decode())


@contextmanager
def _stdin(stream: io.StringIO) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before
