"""`docs/figures.md`: what a run measured, for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from rhwire.version import VERSION
from tests.bench.figures import Figure

PAGE = "docs/figures.md"
PACKAGES = ("mcp", "trio", "hypercorn", "watchfiles")


def render(found: Mapping[str, Iterable[Figure]], date: str) -> str:
    """Return the page.

    Args:
        found: the figures, by bench; none of them missed.
        date: of the run, `YYYY-MM-DD`.
    """
    every = [figure for figures in found.values() for figure in figures]
    assert not [figure for figure in every if figure.verdict == "missed"]
    lines = [
        "# Figures",
        "",
        f"Measured on {date} by `make bench ARGS=--write`, which writes this page unless a figure misses its goal and",
        "its floor does not stand beside it. Beside a figure stands the same of something simpler in the same run:",
        "machines and moments differ, the ratio hardly does.",
        "",
        *_table(("", ""), _machine()),
        "",
        "## Goals",
        "",
        *_table(
            ("figure", "goal", "", "measured", "beside it", "ratio"),
            [
                (f.name, f"≤ {number(f.goal)} {f.unit}".strip(), f.verdict, *_measured(f))
                for f in every
                if f.goal is not None
            ],
        ),
        "",
    ]
    if notes := [f"- {f.name}: at most {f.times:g} times {f.of}. {f.why}" for f in every if f.verdict == "floor"]:
        lines += [
            "On a machine where even what stands beside it is slow, a figure is held against that:",
            "",
            *notes,
            "",
        ]
    for name, figures in found.items():
        if rows := [(f.name, *_measured(f)) for f in figures if f.goal is None]:
            lines += [f"## {name.capitalize()}", "", *_table(("figure", "measured", "beside it", "ratio"), rows), ""]
    return "\n".join(lines)


def _machine() -> list[tuple[str, str]]:
    described = dict(line.partition(":")[::2] for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    model = next((value.strip() for key, value in described.items() if key.strip() == "model name"), "unknown")
    return [
        ("repo-harness", VERSION),
        ("machine", f"{os.cpu_count()} cores, {model}"),
        ("system", f"{platform.system()} {platform.release().partition('-')[0]}"),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in PACKAGES),
    ]


def _measured(figure: Figure) -> tuple[str, str, str]:
    beside = f"{number(figure.beside)} {figure.unit} ({figure.of})" if figure.beside is not None else ""
    ratio = f"{figure.ratio:.1f}" if figure.ratio else ""
    return f"{number(figure.value)} {figure.unit}".strip(), beside, ratio


def number(value: float | None) -> str:
    """Return a number as people read it."""
    assert value is not None
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
