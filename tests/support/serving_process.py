"""A server in a process of its own, on a listening socket that this process holds: as under systemd.

As a script: serve the inherited socket whose descriptor is the first argument, drain on SIGTERM.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """One process that serves a socket."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float = 10) -> int:
        return self._process.wait(within_s)

    def count_descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()


@contextmanager
def server_process(sock: socket.socket, *, descriptors: int | None = None) -> Iterator[ServerProcess]:
    """Run a server until it is told to end, or the block ends; it accepts once the block begins."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([f"{ROOT}/daemon", f"{ROOT}/ctl", str(ROOT)])}
    limit: Callable[[], None] | None = None
    if descriptors is not None:
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))  # noqa: E731
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.serving_process", str(sock.fileno())],
        pass_fds=[sock.fileno()],
        stdout=subprocess.PIPE,
        env=environment,
        preexec_fn=limit,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield ServerProcess(process)
        finally:
            process.kill()


async def main(descriptor: int) -> None:
    """Serve, drain, end."""
    import trio

    from rhd.web.serving import serve
    from tests.support.serving_app import App

    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    stop = trio.Event()
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[None]) -> None:
            await serve(App(), [listener], stop=stop, is_held=True, task_status=task_status)

        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            await nursery.start(run)
            print("ready", flush=True)
            async for _ in signals:
                stop.set()
                break


if __name__ == "__main__":
    import trio

    trio.run(main, int(sys.argv[1]))
