"""A real daemon in a process of its own, and the client's command on its home."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_WITHIN_S = 30.0
END_WITHIN_S = 15.0


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a child: this process's, with the sources importable."""
    path = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    path += [p for p in sys.path if p and p not in path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **changes}


@dataclass
class Daemon:
    """A daemon and its home; `start` returns once it serves.

    Attributes:
        home: its base folder.
        port: what it is told to listen on; 0 for any free one, which is then kept over restarts.
        options: further words of its command line.
        module: what is run; a test may put its own composition in place of the product's.
    """

    home: Path
    port: int = 0
    options: tuple[str, ...] = ()
    module: str = "rhd"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its local origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.home.parent / f"{self.home.name}.log").read_text()

    def start(self) -> Daemon:
        """Start it and wait until it says that it serves, as a service manager would."""
        address = str(self.home.parent / f"{self.home.name}.notify")
        Path(address).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(address)
            listener.settimeout(READY_WITHIN_S)
            command = [sys.executable, "-m", self.module, "--home", str(self.home), "--port", str(self.port)]
            command += self.options
            with open(self.home.parent / f"{self.home.name}.log", "ab") as log:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(HOME=str(self.home.parent), NOTIFY_SOCKET=address),
                )
            try:
                while b"READY=1" not in listener.recv(4096):
                    pass
            except TimeoutError:
                self.kill()
                raise AssertionError(f"the daemon did not start:\n{self.log}") from None
        self.port = int(self.rhctl("status")["daemon"]["url"].rpartition(":")[2])
        return self

    def end(self) -> int:
        """Tell it to end, wait, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the daemon did not end:\n{self.log}") from None

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(END_WITHIN_S)

    def restart(self) -> None:
        """End it and start it on the same port."""
        assert self.end() == 0
        self.start()

    def run(self, *words: str, program: str = "rhctl", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `rhctl` or `repo-harness` on this home and return what it did."""
        module = {"rhctl": "rhctl", "repo-harness": "rhctl.repo_harness"}[program]
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=60,
            env=environment(REPO_HARNESS_HOME=str(self.home)),
            check=False,
        )

    def rhctl(self, *words: str, cwd: Path | None = None) -> Any:
        """Return the JSON that a command of `rhctl` answers with; it must succeed."""
        done = self.run(*words, "--json", cwd=cwd)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)
