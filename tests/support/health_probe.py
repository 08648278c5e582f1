"""Asks `/health` of two daemons in turns until its standard input ends; prints when and how long each took, as JSON.

A process of its own, so that nothing but the daemons takes time. `PORT IDLE_PORT`: of the daemon that works, and of one
that does nothing else and tells how slow the machine is.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import time
from typing import NamedTuple

EVERY_S = 0.005


class Asked(NamedTuple):
    """One time that both were asked.

    Attributes:
        at: when, by `time.monotonic`.
        took_ms: of the daemon that works.
        idle_ms: of the other.
    """

    at: float
    took_ms: float
    idle_ms: float


class HealthProbe:
    """The process that asks."""

    def __init__(self, port: int, idle_port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.health_probe", str(port), str(idle_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> list[Asked]:
        """Return what was asked."""
        said, _ = self._process.communicate(timeout=60)
        return [Asked(*each) for each in json.loads(said)]


def _ask(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("GET", "/health")
    assert connection.getresponse().read()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Ask until nothing reads the answers any more."""
    both = [http.client.HTTPConnection("127.0.0.1", int(port), timeout=60) for port in sys.argv[1:]]
    asked = []
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        asked.append((time.monotonic(), *map(_ask, both)))
    print(json.dumps(asked))


if __name__ == "__main__":
    main()
