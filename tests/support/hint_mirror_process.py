"""`MirrorProcess`: a process that mirrors a folder, so that a test can stop it. Nothing but events tells it.

Run as a program with the folder as argument it prints `ready`; then it answers every line that it reads with `true` and
how it was told, once its mirror equals the disk, or with what it was not told of.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import trio

from tests.support.hint_mirror import Mirror, run_source

QUEUED_EVENTS = 16384
"""What one inotify instance holds unless the system says otherwise."""


class MirrorProcess:
    """The process, for use in a `with`."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hint_mirror_process", str(root)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready\n"

    def stop(self) -> None:
        """Stop it, and return when it stands still."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def ask(self) -> str:
        """Return what it says of its mirror, within its own time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> MirrorProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def flood(folder: Path, events: int, *, until: float = 0.0) -> None:
    """Have four files of a folder give at least so many events, in turns: the kernel makes one of equal neighbours.

    Args:
        until: when it may end, by `time.monotonic`.
    """
    paths = [folder / f"{number}.md" for number in range(4)]
    files = [os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND) for path in paths]
    number = 0
    while number < events or time.monotonic() < until:
        os.write(files[number % 4], b"x")
        number += 1
    for file in files:
        os.close(file)


async def main(path: str) -> None:
    async with run_source() as (hints, nursery):
        mirror = Mirror(hints, "a", path)
        await nursery.start(mirror.run)
        print("ready", flush=True)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            try:
                await mirror.settle(20)
            except AssertionError as error:
                print(error, flush=True)
            else:
                print("true", dict(mirror.vias), flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
