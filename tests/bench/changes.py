"""From a change on disk to the clients that listen: 100 repositories, 300 streams of the 2026 era on the hub."""

from __future__ import annotations

import os
import random
import resource
import selectors
import time
from collections.abc import Sequence
from pathlib import Path

from rhd.endpoint.notifier import MAX_STREAMS_PER_CALLER
from tests.bench.figures import Figure, quantile, report
from tests.bench.house import PRD, House, house
from tests.bench.standing import CALM_AFTER_S
from tests.bench.wire import MODERN, Wire

REPOS, STREAMS, MANY_STREAMS = 100, 300, 1000
SPARSE, RARE = 400, 12
UPDATED = b"notifications/resources/updated"


class Streams:
    """Clients that listen, and when each was told."""

    def __init__(self, many: House) -> None:
        self._many = many
        self._selector = selectors.DefaultSelector()
        self._wires: list[Wire] = []
        self._told: dict[Wire, str] = {}

    def open(self, token: str, slug: str) -> None:
        """Have one more client listen to one artifact; return once that was acknowledged."""
        wire = self._many.wire(MODERN, token)
        filters = {"resourceSubscriptions": [f"repo-harness://{slug}/{PRD}"]}
        wire.socket.sendall(wire.request("subscriptions/listen", {"notifications": filters}))
        said = b""
        while b"subscriptions/acknowledged" not in said:
            data = wire.socket.recv(1 << 16)
            assert data, said
            said += data
        self._selector.register(wire.socket, selectors.EVENT_READ, (wire, slug))
        self._wires.append(wire)

    def __len__(self) -> int:
        return len(self._wires)

    def hear(self, slug: str, since: float, expected: int) -> list[float]:
        """Return after how many milliseconds each of so many clients was told of a change in this repository."""
        took: list[float] = []
        until = time.perf_counter() + 10
        while len(took) < expected:
            assert time.perf_counter() < until, f"{expected - len(took)} of {expected} were not told"
            for key, _ in self._selector.select(1):
                wire, listened = key.data
                data = wire.socket.recv(1 << 16)
                assert data, "a stream ended"
                if UPDATED in data:
                    assert listened == slug, "told of another's repository"
                    took.append((time.perf_counter() - since) * 1e3)
        return took

    def close(self) -> None:
        """Hang up."""
        for wire in self._wires:
            wire.close()


def replace(many: House, index: int, text: str) -> float:
    """Replace an artifact as editors do; return when."""
    path = many.base / f"r{index:03d}" / PRD
    fresh = Path(f"{path}.tmp")
    fresh.write_text(text)
    moment = time.perf_counter()
    os.rename(fresh, path)
    return moment


def change(many: House, streams: Streams, count: int, pause_s: tuple[float, float]) -> list[float]:
    """Change one artifact after the other, at random moments; return the delays of all who were to be told."""
    chance = random.Random()
    took = []
    for _ in range(count):
        time.sleep(chance.uniform(*pause_s))
        index = chance.randrange(REPOS)
        text = (
            f"# Changed at {time.monotonic_ns()}\n\n> **Status**: Draft\n\n" + "Some text that stays as it was.\n" * 120
        )
        took += streams.hear(many.slugs[index], replace(many, index, text), len(streams) // REPOS)
    return took


def tell(what: str, took: Sequence[float]) -> None:
    """Report how soon clients were told."""
    report(Figure(what, "p50", quantile(took, 0.5), "ms", 15), Figure(what, "p99", quantile(took, 0.99), "ms", 40))


def main() -> None:
    """Measure and report."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    with house(REPOS) as many:
        every = dict.fromkeys(many.slugs, ("planner",))
        tokens = many.grant(*[every] * -(-MANY_STREAMS // MAX_STREAMS_PER_CALLER))
        streams = Streams(many)
        while len(streams) < STREAMS:
            number = len(streams)
            streams.open(tokens[number // MAX_STREAMS_PER_CALLER], many.slugs[number % REPOS])
        change(many, streams, 20, (0.05, 0.1))
        tell("change to client, while somebody works", change(many, streams, SPARSE, (0.05, 0.15)))
        tell("change to client, out of the blue", change(many, streams, RARE, (CALM_AFTER_S, CALM_AFTER_S + 1)))
        before = many.process.memory_mb()
        while len(streams) < MANY_STREAMS:
            number = len(streams)
            streams.open(tokens[number // MAX_STREAMS_PER_CALLER], many.slugs[number % REPOS])
        found = many.process.memory_mb()
        report(
            Figure("1,000 streams, 100 repositories", "memory", found, "MB", 150, is_steady=True),
            Figure(
                "a further stream", "memory", (found - before) * 1e3 / (MANY_STREAMS - STREAMS), "kB", is_steady=True
            ),
        )
        streams.close()


if __name__ == "__main__":
    main()
