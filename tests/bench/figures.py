"""`Figure`: one number that a bench measured, what it should be at most, and what stands beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BYTES = ("bytes", "kB", "MB")


@dataclass(frozen=True)
class Figure:
    """One number. Less is better.

    Attributes:
        what: was measured; the same in every run.
        measure: of it: p50, memory, CPU a call.
        value: the number.
        unit: of it.
        goal: what it should be at most; None for a figure that only informs.
        beside: the same of something simpler in the same run: the bare SDK, a bare interpreter, a plain call.
        of: what `beside` is.
        times: on a machine where even `beside` is slow, so many times of it is as good as the goal.
        why: what the rest of the time or memory is, as a profile says; goes with `times`.
        is_steady: it depends on the code and hardly on the moment (CPU, memory), and is compared between runs: bytes as
            they are, everything else by its ratio to what stands beside it.
    """

    what: str
    measure: str
    value: float
    unit: str
    goal: float | None = None
    beside: float | None = None
    of: str = ""
    times: float | None = None
    why: str = ""
    is_steady: bool = False

    @property
    def name(self) -> str:
        """What it is known by from run to run."""
        return f"{self.what}: {self.measure}"

    @property
    def ratio(self) -> float | None:
        """How many times what stands beside it."""
        return self.value / self.beside if self.beside else None

    @property
    def verdict(self) -> str:
        """`met`, `floor` (not met, but no more than `times` what stands beside it) or `missed`; empty without goal."""
        if self.goal is None:
            return ""
        if self.value <= self.goal:
            return "met"
        return "floor" if self.times and self.ratio and self.ratio <= self.times else "missed"

    @property
    def steady(self) -> float | None:
        """What two runs can be compared by: bytes, or the ratio to what had the same moment; never a time alone."""
        return (self.value if self.unit in BYTES else self.ratio) if self.is_steady else None


def report(*figures: Figure) -> None:
    """Print figures as they come, one JSON object a line, for the harness that runs this bench."""
    for figure in figures:
        print(json.dumps(dataclasses.asdict(figure)), flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of all lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Process:
    """What a process has used, from the kernel's own books."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc", str(pid))
        self._clock = (~pid << 3) | 2  # what clock_getcpuclockid(3) makes of it; `stat` counts in hundredths

    def cpu_s(self) -> float:
        """Return the processor time that it has used, threads that have ended since included."""
        return time.clock_gettime(self._clock)

    def memory_mb(self) -> float:
        """Return its resident memory."""
        return int((self._folder / "statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    def children(self) -> int:
        """Return how many processes it has started that still run."""
        return sum(len((task / "children").read_text().split()) for task in (self._folder / "task").iterdir())

    def idle(self, seconds: float) -> tuple[float, float]:
        """Return the percent of a core that it uses over some time from now, and its wake-ups a second.

        A thread that ends takes its count with it, so that they are asked once a second.
        """
        used, start, before, wakes = self.cpu_s(), time.perf_counter(), self._switches(), 0
        while time.perf_counter() < start + seconds:
            time.sleep(1)
            now = self._switches()
            wakes += sum(count - before.get(thread, 0) for thread, count in now.items())
            before = now
        took = time.perf_counter() - start
        return 100 * (self.cpu_s() - used) / took, wakes / took

    def _switches(self) -> dict[str, int]:
        found = {}
        for task in (self._folder / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                line = next(x for x in (task / "status").read_text().splitlines() if x.startswith("voluntary_ctxt"))
                found[task.name] = int(line.split()[1])
        return found

    def busy_percent(self, seconds: float) -> float:
        """Return the share of one core that it uses over some time from now."""
        used, start = self.cpu_s(), time.perf_counter()
        time.sleep(seconds)
        return 100 * (self.cpu_s() - used) / (time.perf_counter() - start)


def timed_ms(call: Callable[[], object], *, times: int) -> list[float]:
    """Return how long each of several calls took."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1e3)
    return took


def run_ms(*command: str, times: int = 1, **options: Any) -> float:
    """Return the median time of running a command to its end."""
    return statistics.median(
        timed_ms(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options), times=times)
    )


IMPORT = """
import gc, importlib, os, sys
gc.disable()  # as the daemon does
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
os._exit(0)  # what an interpreter does at its end is no import
"""


def import_ms(modules: Iterable[str]) -> float:
    """Return what a bare interpreter takes to start and import these; failed imports are repeated too."""
    return run_ms(sys.executable, "-c", IMPORT, *modules)
