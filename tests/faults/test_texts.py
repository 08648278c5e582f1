"""That no text of 4 MiB holds up the daemon: `/health` is asked all the while four clients read what hurts most.

The texts were written by an author who had not seen the patterns (`tests.support.hurtful_texts`). The goals are for a
machine that does nothing else; elsewhere an answer may take a few times as long as that of an idle daemon beside it.
"""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import rhctl.client
from tests.support.daemons import Daemon
from tests.support.hurtful_texts import hurtful_texts
from tests.support.repositories import Repository
from tests.support.socket_mcp import SocketMcp

pytestmark = pytest.mark.timeout(3600)

SIZE = (4 << 20) - 64
READERS, AT_ONCE = 4, 8
P99_MS, LONGEST_MS, SLOWER = 20, 100, 4
EVERY_S = 0.005


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "home").start()
    yield daemon
    daemon.end()


@pytest.fixture
def idle_daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "idle").start()
    yield daemon
    daemon.end()


class Health:
    """Asks `/health` on one connection and keeps how long each answer took, in milliseconds."""

    def __init__(self, port: int) -> None:
        self.took: list[float] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self) -> None:
        """Ask once, and wait for a moment."""
        began = time.perf_counter()
        self._connection.request("GET", "/health")
        assert self._connection.getresponse().read()
        self.took.append((time.perf_counter() - began) * 1000)
        time.sleep(EVERY_S)


def ask_until(health: Health, idle: Health, reads: list[Future[None]]) -> list[float]:
    """Return how long the answers took that were given while the reads were in progress."""
    began = len(health.took)
    while not all(read.done() for read in reads):
        health.ask()
        idle.ask()
    for read in reads:
        read.result()
    return health.took[began:]


def p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def test_no_text_holds_up_the_daemon(
    daemon: Daemon,
    idle_daemon: Daemon,
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rhctl.client, "SILENCE_S", 120)
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    clients = [SocketMcp(str(daemon.home), slug, "planner") for _ in range(READERS)]
    health, beside, slow = Health(daemon.port), Health(idle_daemon.port), list[tuple[float, float, list[str]]]()
    names = list(hurtful_texts(1024))
    texts, reads_s = hurtful_texts(SIZE), list[float]()

    def read(client: SocketMcp, paths: list[str]) -> None:
        for path in paths:
            began = time.perf_counter()
            said = client.call("read_workflow_file", path=path)
            reads_s.append(time.perf_counter() - began)
            assert "content" in said, (path, said)
            client.call("latest_handoff")
            client.call("list_workflow_files", query="title")

    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(names), AT_ONCE):
            group = names[start : start + AT_ONCE]
            paths = [f"plans/{number}.sprint.md" for number in range(len(group))]
            for path, name in zip(paths, group, strict=True):
                repository.write(path, texts[name])
            repository.write(".ai/harness/handoff/resume.md", texts[group[0]])
            repository.write(".ai/harness/checks/latest.json", texts[group[-1]])
            reads = [pool.submit(read, client, paths[number::READERS]) for number, client in enumerate(clients)]
            took = ask_until(health, beside, reads)
            slow.append((max(took), p99(took), group))
    took, idle = health.took, beside.took
    slow.sort(reverse=True)
    with capsys.disabled():
        print(f"\n{len(names)} texts of 4 MiB, {READERS} readers, {len(took)} times /health")
        print(f"a read takes {statistics.median(reads_s):.1f} s, the longest {max(reads_s):.1f} s")
        print(f"p99 {p99(took):.1f} ms (idle {p99(idle):.1f}), longest {max(took):.1f} ms (idle {max(idle):.1f})")
        for longest, each, group in slow[:3]:
            print(f"  longest {longest:.1f} ms, p99 {each:.1f} ms: {', '.join(group)}")
    assert p99(took) <= max(P99_MS, SLOWER * p99(idle))
    assert max(took) <= max(LONGEST_MS, SLOWER * max(idle))
