"""From a change on disk to the clients that listen, over 100 repositories: 300 streams of the 2026 era on the hub, 100
sessions of the handshake era, 10 bridges."""

from __future__ import annotations

import json
import os
import random
import resource
import selectors
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from rhd.file_locations import find_locations
from rhd.mcpserver.notifier import MAX_STREAMS_PER_CALLER
from rhwire.home import ENVIRONMENT_NAME, Home
from tests.bench.client import INITIALIZE, RHCTL
from tests.bench.figures import Figure, quantile, report, timed_ms
from tests.bench.measured_daemon import PRD, VerbContext, context, echo
from tests.bench.standing import CALM_AFTER_S
from tests.bench.wire import HANDSHAKE, MODERN, Wire
from tests.support.made_grants import save_grant

REPOS, STREAMS, MANY_STREAMS = 100, 300, 1000
SESSIONS, BRIDGES = 100, 10
OFTEN, RARE = 300, 20
CAUGHT_UP_AFTER_S = 1.0
"""Who has heard nothing for so long is told of nothing that was before."""
BARE_CHANGE = "the bare SDK's streams, told by one inotify instance after a thread has listed and read"
TIMES = 2.5
WHY = "The rest is the comparison with the catalog, the change log, grants and the confined reads."
BARE = "the bare SDK with as many"
UPDATED = b"notifications/resources/updated"


class Ear(NamedTuple):
    """One client that listens to one artifact.

    Attributes:
        source: what can be read when it is told something.
        receive: reads up to so many bytes of it.
    """

    slug: str
    source: Any
    receive: Callable[[int], bytes]
    close: Callable[[], object]

    def until(self, said: bytes) -> None:
        """Wait until this was said."""
        heard = b""
        while said not in heard:
            data = self.receive(1 << 16)
            assert data, heard
            heard += data


def uri(slug: str) -> str:
    """Return what is listened to in a repository."""
    return f"repo-harness://{slug}/{PRD}"


def listener(wire: Wire, slug: str) -> Ear:
    """Return a stream of the 2026 era, acknowledged."""
    ear = Ear(slug, wire.socket, wire.socket.recv, wire.close)
    filters = {"resourceSubscriptions": [uri(slug)]}
    wire.socket.sendall(wire.request("subscriptions/listen", {"notifications": filters}))
    ear.until(b"subscriptions/acknowledged")
    return ear


def session(many: VerbContext, slug: str, token: str) -> Ear:
    """Return a session of the handshake era that has subscribed, by its stream."""
    wire = many.wire(HANDSHAKE, token, f"/r/{slug}/mcp")

    def ask(method: str) -> bytes:
        return wire._head.replace("POST", method, 1).encode() + b"\r\n"

    def end() -> None:
        wire.close()
        with socket.create_connection(("127.0.0.1", many.daemon.port)) as other:
            other.sendall(ask("DELETE"))
            assert b" 200 " in other.recv(1 << 16)[:20]

    wire.result(wire.request("resources/subscribe", {"uri": uri(slug)}))
    wire.socket.sendall(ask("GET"))
    ear = Ear(slug, wire.socket, wire.socket.recv, end)
    ear.until(b"\r\n\r\n")
    return ear


def bridge(many: VerbContext, slug: str) -> Ear:
    """Return a client behind `rhctl connect` that has subscribed, by what the bridge writes."""
    process = subprocess.Popen(
        [*RHCTL, "connect", "--repo", slug],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, ENVIRONMENT_NAME: str(many.daemon.home)},
        bufsize=0,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def end() -> None:
        stdin.close()
        assert process.wait(10) == 0
        stdout.close()

    ear = Ear(slug, stdout, lambda count: os.read(stdout.fileno(), count), end)
    subscribe = {"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": uri(slug)}}
    for message, answer in (
        (INITIALIZE, b'"result"'),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, b""),
        (subscribe, b'"result"'),
    ):
        stdin.write(json.dumps(message).encode() + b"\n")
        ear.until(answer)
    return ear


class Streams:
    """Clients that listen, and when each was told.

    Attributes:
        told: how many are told of a change, by repository.
    """

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._ears: list[Ear] = []

    def open_up_to(self, count: int, open_one: Callable[[int], Ear]) -> None:
        """Have so many clients listen, and catch up; `open_one` is told the number of the client."""
        while (number := len(self._ears)) < count:
            ear = open_one(number)
            self._selector.register(ear.source, selectors.EVENT_READ, ear)
            self._ears.append(ear)
            self.told[ear.slug] += 1
        # One more stream of a caller is told again what may not have arrived on the others.
        heard_at = time.perf_counter()
        while time.perf_counter() - heard_at < CAUGHT_UP_AFTER_S:
            for key, _ in self._selector.select(0.1):
                if UPDATED in key.data.receive(1 << 16):
                    heard_at = time.perf_counter()

    def hear(self, slug: str, since: float) -> list[float]:
        """Return after how many milliseconds each client was told of a change in this repository."""
        took: list[float] = []
        until = time.perf_counter() + 10
        while (missing := self.told[slug] - len(took)) > 0:
            assert time.perf_counter() < until, f"{missing} of {self.told[slug]} were not told"
            for key, _ in self._selector.select(1):
                data = key.data.receive(1 << 16)
                assert data, "a stream ended"
                if UPDATED in data:
                    assert key.data.slug == slug, "told of another's repository"
                    took.append((time.perf_counter() - since) * 1e3)
        return took

    def close(self) -> None:
        """Hang up."""
        self._selector.close()
        for ear in self._ears:
            ear.close()


def replace(many: VerbContext, index: int, text: str) -> float:
    """Replace an artifact as editors do; return when."""
    path = many.base / f"r{index:03d}" / PRD
    fresh = Path(f"{path}.tmp")
    fresh.write_text(text)
    moment = time.perf_counter()
    os.rename(fresh, path)
    return moment


def change(many: VerbContext, streams: Streams, count: int, pause_s: tuple[float, float]) -> list[float]:
    """Change one artifact after the other, at random moments; return the delays of all who were to be told."""
    chance = random.Random()
    slugs = sorted(streams.told)
    took = []
    for _ in range(count):
        time.sleep(chance.uniform(*pause_s))
        slug = chance.choice(slugs)
        text = (
            f"# Changed at {time.monotonic_ns()}\n\n> **Status**: Draft\n\n" + "Some text that stays as it was.\n" * 120
        )
        took += streams.hear(slug, replace(many, many.slugs.index(slug), text))
    return took


def tell(what: str, took: Sequence[float], bare: Sequence[float]) -> None:
    """Report how soon clients were told, beside the bare SDK's."""
    for measure, share, goal in (("p50", 0.5, 2.5), ("p99", 0.99, 8)):
        value, beside = quantile(took, share), quantile(bare, share)
        report(Figure(f"change to client, {what}", measure, value, "ms", goal, beside, BARE_CHANGE, TIMES, WHY))


def told_by_bare(many: VerbContext) -> tuple[list[float], list[float]]:
    """Return the delays of the bare SDK's streams, in quick succession and after pauses; the daemon is stopped."""
    process = many.daemon.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        with echo(str(many.base)) as bare:
            streams = Streams()
            streams.open_up_to(STREAMS, lambda n: listener(bare.wire(MODERN, "/streams"), many.slugs[n % REPOS]))
            found = busily(many, streams), change(many, streams, RARE // 2, (CALM_AFTER_S, CALM_AFTER_S + 1))
            streams.close()
    finally:
        process.send_signal(signal.SIGCONT)
    many.until_true()
    return found


def commit_ms() -> list[float]:
    """Return how long commits of one row take here, as the store makes them."""
    with tempfile.TemporaryDirectory(prefix="rhd-bench-") as folder:
        with closing(sqlite3.connect(f"{folder}/db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE t (a)")
            return timed_ms(lambda: connection.execute("INSERT INTO t VALUES ('x')"), times=200)


def busily(many: VerbContext, streams: Streams) -> list[float]:
    """Return the delays in quick succession."""
    change(many, streams, 20, (0.05, 0.1))
    return change(many, streams, OFTEN, (0.05, 0.15))


def own_tokens(many: VerbContext) -> list[str]:
    """Stop the daemon and return a token for each repository's own endpoint: a hub keeps fewer sessions."""
    many.daemon.end()
    with closing(sqlite3.connect(find_locations(Home(str(many.daemon.home))).database)) as connection, connection:
        return [save_grant(connection, {repo: ("planner",)}, resource=repo)[1] for repo in many.ids]


def main() -> None:
    """Measure and report."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    with context(REPOS) as many:
        slugs, own = many.slugs, own_tokens(many)
        every = dict.fromkeys(slugs, ("planner",))
        tokens = many.grant(*[every] * -(-MANY_STREAMS // MAX_STREAMS_PER_CALLER))

        def open_stream(number: int) -> Ear:
            wire = many.wire(MODERN, tokens[number // MAX_STREAMS_PER_CALLER])
            return listener(wire, slugs[number % REPOS])

        bare, bare_rare = told_by_bare(many)
        streams = Streams()
        streams.open_up_to(STREAMS, open_stream)
        tell("in quick succession", busily(many, streams), bare)
        tell("after a pause", change(many, streams, RARE, (CALM_AFTER_S, CALM_AFTER_S + 1)), bare_rare)
        for share, measure in ((0.5, "p50"), (0.99, "p99")):  # it runs beside that
            report(Figure("a commit of one row", measure, quantile(commit_ms(), share), "ms"))
        for what, count, open_one in (
            ("handshake-era session, in quick succession", SESSIONS, lambda n: session(many, slugs[n], own[n])),
            ("rhctl connect, in quick succession", BRIDGES, lambda n: bridge(many, slugs[n])),
        ):
            others = Streams()
            others.open_up_to(count, open_one)
            tell(what, busily(many, others), bare)
            others.close()
        streams.close()
        many.restart()  # what is weighed is streams, not what else was served before
        weigh(many, open_stream)


def weigh(many: VerbContext, open_stream: Callable[[int], Ear]) -> None:
    """Report the memory that streams take, beside the bare SDK's."""
    streams = Streams()
    with echo() as bare:

        def open_bare(number: int) -> Ear:
            return listener(bare.wire(MODERN, "/streams"), many.slugs[number % REPOS])

        others = Streams()
        memory = []
        for count in (STREAMS, MANY_STREAMS):
            streams.open_up_to(count, open_stream)
            others.open_up_to(count, open_bare)
            memory.append((many.process.memory_mb(), bare.process.memory_mb()))
        others.close()
    streams.close()
    (few, few_bare), (found, found_bare) = memory
    each, each_bare = ((b - a) * 1e3 / (MANY_STREAMS - STREAMS) for a, b in ((few, found), (few_bare, found_bare)))
    what = f"{MANY_STREAMS:,} streams, {REPOS} repositories"
    report(
        Figure(what, "memory", found, "MB", found_bare, found_bare, BARE, is_steady=True),
        Figure("a further stream", "memory", each, "kB", None, each_bare, BARE, is_steady=True),
    )


if __name__ == "__main__":
    main()
