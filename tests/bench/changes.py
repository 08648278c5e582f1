"""From a change on disk to the clients that listen: 100 repositories, 300 streams of the 2026 era on the hub."""

from __future__ import annotations

import os
import random
import resource
import selectors
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rhd.endpoint.notifier import MAX_STREAMS_PER_CALLER
from rhd.watch.watcher import BRISK_S, CALM_S
from tests.bench.figures import Figure, quantile, report
from tests.bench.house import PRD, House, echo, house
from tests.bench.standing import CALM_AFTER_S
from tests.bench.wire import MODERN, Wire

REPOS, STREAMS, MANY_STREAMS = 100, 300, 1000
SPARSE, RARE = 400, 10
BARE = "the bare SDK with as many"
WHY = (
    "Of 60 kB that tracemalloc finds in a stream, 50 are the SDK's and trio's: three tasks, a dozen frames and eight "
    "cancel scopes a stream, and the request as pydantic has it."
)
LATER = "while somebody works, and the longer pause of a calm watcher"
WHY_LATER = (
    "watchfiles has to be asked, and each time wakes a core: while nothing changes it is asked every 20 ms. Being "
    "woken at once would take a second inotify instance with every watch twice."
)
UPDATED = b"notifications/resources/updated"


class Streams:
    """Clients that listen, and when each was told."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wires: list[Wire] = []

    def open(self, wire: Wire, slug: str) -> None:
        """Have one more client listen to one artifact; return once that was acknowledged."""
        filters = {"resourceSubscriptions": [f"repo-harness://{slug}/{PRD}"]}
        wire.socket.sendall(wire.request("subscriptions/listen", {"notifications": filters}))
        said = b""
        while b"subscriptions/acknowledged" not in said:
            data = wire.socket.recv(1 << 16)
            assert data, said
            said += data
        self._selector.register(wire.socket, selectors.EVENT_READ, (wire, slug))
        self._wires.append(wire)

    def open_up_to(self, count: int, connect: Callable[[int], Wire], slugs: Sequence[str]) -> None:
        """Have so many clients listen, as many to each repository; `connect` is told the number of the client."""
        while (number := len(self._wires)) < count:
            self.open(connect(number), slugs[number % len(slugs)])

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


def tell(busy: Sequence[float], rare: Sequence[float]) -> None:
    """Report how soon clients were told; out of the blue a change waits for half a calm watcher's pause on top."""
    for what, took, later_ms in (
        ("change to client, while somebody works", busy, 0.0),
        ("change to client, out of the blue", rare, 1e3 * (CALM_S - BRISK_S)),
    ):
        for measure, share, goal in (("p50", 0.5, 15), ("p99", 0.99, 40)):
            value = quantile(took, share)
            if later_ms:
                floor = quantile(busy, share) + later_ms * share
                report(Figure(what, measure, value, "ms", goal, floor, LATER, 1.3, WHY_LATER))
            else:
                report(Figure(what, measure, value, "ms", goal))


def main() -> None:
    """Measure and report."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    with house(REPOS) as many:
        every = dict.fromkeys(many.slugs, ("planner",))
        tokens = many.grant(*[every] * -(-MANY_STREAMS // MAX_STREAMS_PER_CALLER))

        def connect(number: int) -> Wire:
            return many.wire(MODERN, tokens[number // MAX_STREAMS_PER_CALLER])

        streams = Streams()
        streams.open_up_to(STREAMS, connect, many.slugs)
        change(many, streams, 20, (0.05, 0.1))
        busy = change(many, streams, SPARSE, (0.05, 0.15))
        tell(busy, change(many, streams, RARE, (CALM_AFTER_S, CALM_AFTER_S + 1)))
        weigh(many, streams, connect)
        streams.close()


def weigh(many: House, streams: Streams, connect: Callable[[int], Wire]) -> None:
    """Report the memory that streams take, beside the bare SDK's."""
    slugs = many.slugs
    with echo() as bare:
        others = Streams()
        memory = []
        for count in (STREAMS, MANY_STREAMS):
            streams.open_up_to(count, connect, slugs)
            others.open_up_to(count, lambda _: bare.wire(MODERN, "/streams"), slugs)
            memory.append((many.process.memory_mb(), bare.process.memory_mb()))
        others.close()
    (few, few_bare), (found, found_bare) = memory
    each, each_bare = ((b - a) * 1e3 / (MANY_STREAMS - STREAMS) for a, b in ((few, found), (few_bare, found_bare)))
    what = f"{MANY_STREAMS:,} streams, {REPOS} repositories"
    report(
        Figure(what, "memory", found, "MB", 150, found_bare, BARE, 1.5, WHY, is_steady=True),
        Figure("a further stream", "memory", each, "kB", None, each_bare, BARE, is_steady=True),
    )


if __name__ == "__main__":
    main()
