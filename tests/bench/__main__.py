"""`make bench`: measures every figure, each bench in a process of its own, and says what is not as it should be.

    python -m tests.bench [NAME …] [--write]

Exits with 1 if a figure misses its goal and its floor does not stand beside it. The figures of the last run are kept
in `.bench/last.json`; what is steady from run to run is compared with them. `--write` writes docs/figures.md if none
is missed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import BYTES, Figure
from tests.bench.page import PAGE, number, render

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
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    # Installed modules have their bytecode: what starts here has it too, after the first time.
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as bench:
        assert bench.stdout is not None
        for line in bench.stdout:
            yield Figure(**json.loads(line))
    if bench.returncode:
        raise subprocess.CalledProcessError(bench.returncode, command)


def show(figures: Sequence[Figure]) -> str:
    """Return figures of the same thing as one line."""
    cells = []
    for figure in figures:
        goal = f" ({figure.verdict}: ≤ {figure.goal:g})" if figure.goal is not None else ""
        beside = f" = {figure.ratio:.2f} × {number(figure.beside)}" if figure.ratio else ""
        cells.append(f"{figure.measure} {number(figure.value)} {figure.unit}{beside}{goal}")
    of = f"   [beside: {figures[0].of}]" if figures[0].of else ""
    return f"  {figures[0].what}: {', '.join(cells)}{of}"


def differences(figures: Iterable[Figure], last: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of steady figures since the last run."""
    for figure in figures:
        now, before = figure.steady, Figure(**last[figure.name]).steady if figure.name in last else None
        if now is not None and before and abs(now / before - 1) >= CHANGED:
            what = figure.unit if figure.unit in BYTES else f"× {figure.of}"
            yield f"  {now / before - 1:+4.0%}  {figure.name}: {before:.2f} -> {now:.2f} {what}"


def main(words: list[str]) -> int:
    """Measure what is named, or everything; return the exit code."""
    is_written = "--write" in words
    named = [word for word in words if word != "--write"]
    if is_written and named:
        print("the page has every figure: --write goes with no names", file=sys.stderr)
        return 2
    names = named or BENCHES
    if unknown := set(names) - set(BENCHES):
        print(f"there is no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    last = read_last()
    found: dict[str, list[Figure]] = {}
    for name in names:
        start = time.monotonic()
        print(f"{name}:", flush=True)
        found[name] = []
        for _, group in itertools.groupby(measure(name), key=lambda figure: (figure.what, figure.of)):
            figures = list(group)
            found[name] += figures
            print(show(figures), flush=True)
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
    every = [figure for figures in found.values() for figure in figures]
    for line in (changed := list(differences(every, last))) and ["since the last run:", *changed]:
        print(line)
    LAST.parent.mkdir(exist_ok=True)
    kept = {**last, **{figure.name: dataclasses.asdict(figure) for figure in every}}
    LAST.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    for verdict, title in (("floor", "met on a machine as slow as this one:"), ("missed", "missed:")):
        for position, figure in enumerate(f for f in every if f.verdict == verdict):
            print(*[] if position else [title], show([figure]), *[f"    {figure.why}"] if figure.why else [], sep="\n")
    if any(figure.verdict == "missed" for figure in every):
        return 1
    if is_written:
        (ROOT / PAGE).write_text(render(found, time.strftime("%Y-%m-%d")))
    return 0


def read_last() -> dict[str, Any]:
    """Return the figures of the last run by name; none if it was another version's."""
    fields = {field.name for field in dataclasses.fields(Figure)}
    last = json.loads(LAST.read_text()) if LAST.exists() else {}
    return {name: each for name, each in last.items() if isinstance(each, dict) and each.keys() == fields}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
