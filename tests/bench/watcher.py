"""What watching costs and how soon it tells: `PYTHONPATH=daemon:ctl:. python tests/bench/watcher.py [REPOS …]`.

Each number of repositories runs in a process of its own. The writer is another process; a file holds the time of
its writing, and the clock is the system's. Beside each idle figure stands a thread that only sleeps as often, which
is what this machine takes for waking up.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio

from rhd.watch.hub import WatchHub
from rhd.watch.watcher import CALM_S

FOLDERS = (
    "",
    "plans",
    "plans/archive",
    "plans/prds",
    "plans/sprints",
    "tasks",
    "tasks/archive",
    "tasks/contracts",
    "tasks/reviews",
    ".ai",
    ".ai/harness",
    ".ai/harness/handoff",
)
WRITER = """
import os, random, sys, time
base, repos, count, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
for number in range(count):
    path = f"{base}/r{random.randrange(repos):03d}/plans/prds/note-{number}"
    with open(path + ".tmp", "w") as file:
        file.write(str(time.monotonic_ns()))
    os.rename(path + ".tmp", path + ".md")
    time.sleep(pause * random.uniform(0.5, 1.5))
"""
IDLE_S = 20


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def quantiles(values: list[float]) -> str:
    values = sorted(values)
    return f"{values[len(values) // 2]:.1f} / {values[int(len(values) * 0.99)]:.1f} / {values[-1]:.1f}"


class Listening:
    """Takes hints and times the notes that the writer left in the hinted folders."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.delays_ms: list[float] = []
        self.seen: set[str] = set()

    def hear(self, root_id: str, folders: frozenset[str] | None, via: str) -> None:
        now = time.monotonic_ns()
        for folder in FOLDERS if folders is None else folders:
            if folder != "plans/prds":
                continue
            path = f"{self.base}/{root_id}/{folder}"
            for name in os.listdir(path):
                note = f"{path}/{name}"
                if name.endswith(".md") and note not in self.seen:
                    self.seen.add(note)
                    self.delays_ms.append((now - int(Path(note).read_text())) / 1e6)


async def measure_lag(lags_ms: list[float]) -> None:
    while True:
        start = time.perf_counter()
        await trio.sleep(0.002)
        lags_ms.append((time.perf_counter() - start - 0.002) * 1e3)


async def write(base: str, repos: int, count: int, pause_s: float, listening: Listening) -> str:
    listening.seen.clear()
    listening.delays_ms.clear()
    for note in Path(base).glob("*/plans/prds/note-*"):
        note.unlink()
    await trio.sleep(0.5)
    await trio.run_process([sys.executable, "-c", WRITER, base, str(repos), str(count), str(pause_s)])
    await trio.sleep(0.5)
    return f"{quantiles(listening.delays_ms)}, {count - len(listening.delays_ms)} of {count} lost"


def sleep_often() -> float:
    start, used = time.perf_counter(), cpu_s()
    while time.perf_counter() - start < IDLE_S / 4:
        time.sleep(CALM_S)
    return 100 * (cpu_s() - used) / (time.perf_counter() - start)


async def bench(repos: int) -> None:
    base = tempfile.mkdtemp(prefix="rhd-bench-")
    for number in range(repos):
        for folder in FOLDERS:
            os.makedirs(f"{base}/r{number:03d}/{folder}", exist_ok=True)
    listening = Listening(base)
    hub = WatchHub()
    lags_ms: list[float] = []
    before_mb, before_threads = rss_mb(), threads()

    def show(what: str, figure: object) -> None:
        print(f"{repos:4} repos  {what:42} {figure}", flush=True)

    async def arm(root_id: str) -> None:
        hub.listen(root_id, listening.hear)
        await hub.arm(root_id, f"{base}/{root_id}", frozenset(FOLDERS))

    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        nursery.start_soon(measure_lag, lags_ms)
        start = time.perf_counter()
        async with trio.open_nursery() as arming:
            for number in range(repos):
                arming.start_soon(arm, f"r{number:03d}")
        show("armed in ms", round((time.perf_counter() - start) * 1e3))
        show("  event-loop lag meanwhile p50/p99/max ms", quantiles(lags_ms))
        await trio.sleep(1)
        usage = hub.usage()
        show("RSS in MB, of it the watcher's", f"{rss_mb():.1f}, {rss_mb() - before_mb:.1f}")
        show("watches, instances, threads", f"{usage.watches}, {usage.instances}, +{threads() - before_threads}")
        nursery.cancel_scope.cancel()

    hub = WatchHub()
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        async with trio.open_nursery() as arming:
            for number in range(repos):
                arming.start_soon(arm, f"r{number:03d}")
        await trio.sleep(7)
        used, start = cpu_s(), time.perf_counter()
        await trio.sleep(IDLE_S)
        show("idle, % of a core", f"{100 * (cpu_s() - used) / (time.perf_counter() - start):.2f}")
        show("  a thread that only sleeps as often", f"{await trio.to_thread.run_sync(sleep_often):.2f}")
        show("latency out of the blue p50/p99/max ms", await write(base, repos, 8, 6, listening))
        show("latency sparse, 10/s", await write(base, repos, 200, 0.1, listening))
        show("latency busy, 100/s", await write(base, repos, 1000, 0.01, listening))
        show("latency storm, unpaced", await write(base, repos, 2000, 0, listening))
        lags_ms.clear()
        nursery.start_soon(measure_lag, lags_ms)
        for number in range(60):
            name = f"x{number:03d}"
            for folder in FOLDERS:
                os.makedirs(f"{base}/{name}/{folder}", exist_ok=True)
            await arm(name)
            await trio.sleep(0.02)
        show("60 roots added one by one: lag p50/p99/max", quantiles(lags_ms))
        nursery.cancel_scope.cancel()
    shutil.rmtree(base)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        trio.run(bench, int(sys.argv[2]))
    else:
        for number in sys.argv[1:] or ["100", "200", "500"]:
            subprocess.run([sys.executable, __file__, "--one", number], check=True)
