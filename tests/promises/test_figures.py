"""docs/figures.md: measured by `make bench`, which fails if a figure misses its goal and no floor stands beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.__main__ import differences, show
from tests.bench.figures import Figure
from tests.bench.page import PAGE, render

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "beside", "times", "verdict"),
    [
        (10, None, None, "met"),
        (11, None, None, "missed"),
        (11, 6, None, "missed"),
        (12, 6, 2, "floor"),
        (12.1, 6, 2, "missed"),
        (9, 1, 2, "met"),
    ],
)
def test_a_figure_meets_its_goal_or_so_many_times_what_stands_beside_it(
    value: float, beside: float | None, times: float | None, verdict: str
) -> None:
    figure = Figure("a call", "p50", value, "ms", 10, beside, "an echo", times, "why")
    assert figure.verdict == verdict
    assert verdict in show([figure])


def test_a_figure_without_a_goal_has_no_verdict() -> None:
    assert Figure("a call", "p50", 10, "ms").verdict == ""


def test_a_page_has_no_figure_that_is_missed() -> None:
    missed = Figure("memory", "of 500", 400, "MB", 160)
    with pytest.raises(AssertionError):
        render({"standing": [missed]}, "2026-01-01")
    floor = Figure("a call", "p50", 12, "ms", 10, 6, "an echo", 2, "It does more.")
    page = render({"calls": [floor]}, "2026-01-01")
    assert "| a call: p50 | ≤ 10 ms | floor | 12 ms | 6 ms (an echo) | 2.0 |" in page
    assert "- a call: p50: at most 2 times an echo. It does more." in page


def test_two_runs_are_compared_by_bytes_and_by_ratios_and_never_by_a_time() -> None:
    def figures(memory_mb: float, cpu_ms: float, took_ms: float) -> list[Figure]:
        return [
            # What stands beside the memory grew as well: both are served by the same code.
            Figure("streams", "memory", memory_mb, "MB", 150, memory_mb, "the SDK", is_steady=True),
            Figure("a call", "CPU a call", cpu_ms, "ms", None, 1, "an echo", is_steady=True),
            Figure("a call", "p50", took_ms, "ms", None, 1, "an echo"),
        ]

    last = {figure.name: figure for figure in figures(100, 2, 2)}
    assert list(differences(figures(105, 2.1, 9), last)) == []
    grown = list(differences(figures(130, 3, 9), last))
    assert [line.split()[:2] for line in grown] == [["+30%", "streams:"], ["+50%", "a"]]


def test_the_page_that_is_kept_says_how_each_goal_is_met() -> None:
    goals = (ROOT / PAGE).read_text().partition("## Goals")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| .* \|$", goals, re.M)][2:]
    assert len(rows) > 20
    assert {row[2] for row in rows} <= {"met", "floor"}
    for name in [row[0] for row in rows if row[2] == "floor"]:
        assert f"\n- {name}: at most " in goals
