"""`make bench`: measures every figure, each bench in a process of its own, and says what is not as it should be.

    python -m tests.bench [NAME …] [--write]

Exits with 1 if a figure misses its goal and its floor does not stand beside it. The figures of the last run of each
bench are kept in `.bench/last.json`; what is steady from run to run is compared with them. `--write` writes
docs/figures.md if none is missed; what was not measured in this run is taken from the last one of the same commit.
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


def differences(figures: Iterable[Figure], last: Mapping[str, Figure]) -> Iterator[str]:
    """Yield what became of steady figures since the last run."""
    for figure in figures:
        now, before = figure.steady, last[figure.name].steady if figure.name in last else None
        if now is not None and before and abs(now / before - 1) >= CHANGED:
            what = figure.unit if figure.unit in BYTES else f"× {figure.of}"
            yield f"  {now / before - 1:+4.0%}  {figure.name}: {before:.2f} -> {now:.2f} {what}"


def main(words: list[str]) -> int:
    """Measure what is named, or everything; return the exit code."""
    is_written = "--write" in words
    named = [word for word in words if word != "--write"]
    names = named or BENCHES
    if unknown := set(names) - set(BENCHES):
        print(f"there is no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    last, commit = read_last(), read_commit()
    before = {figure.name: figure for _, figures in last.values() for figure in figures}
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
    for line in (changed := list(differences(every, before))) and ["since the last run:", *changed]:
        print(line)
    LAST.parent.mkdir(exist_ok=True)
    last |= {name: (commit, figures) for name, figures in found.items()}
    kept = {name: {"commit": c, "figures": [dataclasses.asdict(f) for f in fs]} for name, (c, fs) in last.items()}
    LAST.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    if is_written:
        missing = [name for name in BENCHES if last.get(name, (None, []))[0] != commit]
        if missing:
            print(f"not measured at this commit: {', '.join(missing)}", file=sys.stderr)
            return 2
        found = {name: last[name][1] for name in BENCHES}
        every = [figure for figures in found.values() for figure in figures]
    for verdict, title in (("floor", "met on a machine as slow as this one:"), ("missed", "missed:")):
        for position, figure in enumerate(f for f in every if f.verdict == verdict):
            print(*[] if position else [title], show([figure]), *[f"    {figure.why}"] if figure.why else [], sep="\n")
    if any(figure.verdict == "missed" for figure in every):
        return 1
    if is_written:
        (ROOT / PAGE).write_text(render(found, time.strftime("%Y-%m-%d")))
    return 0


def read_last() -> dict[str, tuple[str, list[Figure]]]:
    """Return the figures of each bench's last run, and the commit it was of; none that another version has written."""
    fields = {field.name for field in dataclasses.fields(Figure)}
    last = json.loads(LAST.read_text()) if LAST.exists() else {}
    return {
        name: (each["commit"], [Figure(**figure) for figure in each["figures"]])
        for name, each in last.items()
        if each.keys() == {"commit", "figures"} and all(figure.keys() == fields for figure in each["figures"])
    }


def read_commit() -> str:
    """Return the commit that is checked out."""
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
