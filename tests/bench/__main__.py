"""`make bench`: measures every figure, each bench in a process of its own, and says what is not as it should be.

    python -m tests.bench [NAME …] [--write]

Exits with 1 if a figure misses its goal and its floor does not stand beside it. The figures of the last run are kept in
`.bench/last.json`; what is steady from run to run is compared with them. `--write` writes docs/figures.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.page import PAGE, render

ROOT = Path(__file__).resolve().parents[2]
LAST = ROOT / ".bench/last.json"
BENCHES = ("standing", "calls", "changes", "client", "repos", "catalog", "serving")
CHANGED = 0.1
"""Steady figures that differ by less are the same."""


def measure(name: str) -> Iterator[Figure]:
    """Yield a bench's figures as they come.

    Raises:
        CalledProcessError: the bench failed.
    """
    path = os.pathsep.join([str(ROOT), f"{ROOT}/daemon", f"{ROOT}/ctl"])
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as bench:
        assert bench.stdout is not None
        for line in bench.stdout:
            yield Figure(**json.loads(line))
    if bench.returncode:
        raise subprocess.CalledProcessError(bench.returncode, command)


def show(figure: Figure) -> str:
    """Return a figure as one line."""
    goal = f"≤ {figure.goal:g}" if figure.goal is not None else ""
    beside = f"{figure.beside:10.2f} {figure.ratio or 0:5.1f}×  {figure.of}" if figure.beside is not None else ""
    value = f"{figure.value:9.2f} {figure.unit}"
    return f"  {figure.verdict:6}  {figure.name:66} {goal:>7} {value:22} {beside}".rstrip()


def differences(figures: Iterable[Figure], last: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of steady figures since the last run."""
    for figure in figures:
        now, before = figure.steady, last.get(figure.name)
        if now is not None and before and abs(now / before - 1) >= CHANGED:
            what = f"× {figure.of}" if figure.ratio else figure.unit
            yield f"  {now / before - 1:+4.0%}  {figure.name}: {before:.2f} -> {now:.2f} {what}"


def main(words: list[str]) -> int:
    """Measure what is named, or everything; return the exit code."""
    is_written = "--write" in words
    names = [word for word in words if word != "--write"] or BENCHES
    if unknown := set(names) - set(BENCHES):
        print(f"there is no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    last = json.loads(LAST.read_text()) if LAST.exists() else {}
    found: dict[str, list[Figure]] = {}
    for name in names:
        start = time.monotonic()
        print(f"{name}:", flush=True)
        found[name] = []
        for figure in measure(name):
            found[name].append(figure)
            print(show(figure), flush=True)
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
    every = [figure for figures in found.values() for figure in figures]
    for line in (changed := list(differences(every, last))) and ["since the last run:", *changed]:
        print(line)
    LAST.parent.mkdir(exist_ok=True)
    steady = {figure.name: figure.steady for figure in every if figure.steady is not None}
    LAST.write_text(json.dumps({**last, **steady}, indent=1, ensure_ascii=False) + "\n")
    if is_written:
        (ROOT / PAGE).write_text(render(found, time.strftime("%Y-%m-%d")))
    for figure in every:
        if figure.verdict in ("floor", "missed"):
            print(show(figure), f"          {figure.why}", sep="\n")
    return int(any(figure.verdict == "missed" for figure in every))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
