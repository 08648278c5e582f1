"""`Figure`: one number that a bench measured, what it should be at most, and what stands beside it."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: the same in every run.
        value: what was measured; less is better.
        unit: of it.
        goal: what it should be at most; None for a figure that only informs.
        beside: the same of something simpler in the same run: the bare SDK, a bare interpreter, a plain call.
        of: what `beside` is.
        is_steady: it depends on the code and hardly on the moment (CPU per call, memory), and is compared between runs.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    beside: float | None = None
    of: str = ""
    is_steady: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it is what it should be, or nothing was asked of it."""
        return self.goal is None or self.value <= self.goal

    @property
    def ratio(self) -> float | None:
        """How many times what stands beside it."""
        return self.value / self.beside if self.beside else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**dataclasses.asdict(self), "is_met": self.is_met, "ratio": self.ratio}


def report(figures: Iterable[Figure]) -> None:
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

    def cpu_s(self) -> float:
        """Return the processor time that it has used; to the microsecond, which `stat` is not."""
        used_ns = 0
        for task in (self._folder / "task").iterdir():
            try:
                used_ns += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
        return used_ns / 1e9

    def memory_mb(self) -> float:
        """Return its resident memory."""
        return int((self._folder / "statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    def idle_percent(self, seconds: float) -> float:
        """Return the share of one core that it uses while nobody asks it anything."""
        used, start = self.cpu_s(), time.perf_counter()
        time.sleep(seconds)
        return 100 * (self.cpu_s() - used) / (time.perf_counter() - start)


def run_ms(*command: str, times: int = 15, **options: Any) -> float:
    """Return the median time of running a command to its end."""
    return timed_ms(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options), times=times)


def timed_ms(call: Callable[[], object], *, times: int) -> float:
    """Return the median time of a call."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1e3)
    return statistics.median(took)


def import_ms(*modules: str) -> float:
    """Return what a bare interpreter takes to start and import these."""
    return run_ms(sys.executable, "-c", "\n".join(f"import {module}" for module in modules), times=5)
