"""`docs/conformance.md`: what the runs found, for people."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.conformance.baseline import Baseline
from tests.conformance.suite import PACKAGE, Run


class Result(NamedTuple):
    """One run and the lines that it was held against."""

    what: str
    run: Run
    baseline: Baseline


def read_counts(page: str, version: str) -> dict[tuple[str, str], int]:
    """Return how many checks each run brought, by revision and what was run; nothing of another version's suite."""
    if f"| {PACKAGE} | {version} |" not in page:
        return {}
    rows = re.findall(r"^\| ([\d-]+) \| ([^|]+) \| \d+ \| (\d+) \| \d+ \| \S+ \|$", page, re.M)
    return {(revision, what): int(checks) for revision, what, checks in rows}


def render(
    versions: Mapping[str, str],
    date: str,
    stack: Sequence[Result],
    product: Sequence[Result],
    authorization: Sequence[Result],
) -> str:
    """Return the page.

    Args:
        versions: of everything that took part.
        date: of the run, `YYYY-MM-DD`.
    """
    return (
        "\n".join([*_head(versions, date), *_stack(stack), *_product(product), *_authorization(authorization)]) + "\n"
    )


def _head(versions: Mapping[str, str], date: str) -> list[str]:
    return [
        "# Conformance",
        "",
        f"The official suite of the Model Context Protocol, run on {date} by `make conformance`, which writes this",
        "page and fails if anything on it does not hold.",
        "",
        *_table(("", "version"), [(name, version) for name, version in versions.items()]),
        "",
        "Every request goes over a real port through the daemon's own server, guard, dispatcher and sessions, with a",
        "token that came from a real login. Both revisions are run, each on its own wire. A check that the suite only",
        "recommends counts like one that it demands.",
        "",
    ]


def _stack(results: Sequence[Result]) -> list[str]:
    return [
        "## The stack",
        "",
        "A daemon whose endpoints serve the suite's own fixtures; everything around them is the product's. It passes",
        "all that a revision requires.",
        "",
        *_scores(results),
        "",
        "Run beside it, required by no revision:",
        "",
        *_beside(results),
        "",
        *_unasked(results),
    ]


def _product(results: Sequence[Result]) -> list[str]:
    lines = [
        "## The product",
        "",
        "The daemon as it is installed: a repository's endpoint, and the hub. Many scenarios call tools, prompts and",
        "resources that only the suite's example server has; what cannot be carried out counts as failed. Each of",
        "these checks is named below with its reason. A failure that is not named, and a name without a failure, end",
        "the run. So does an excuse in a scenario that the revision requires, unless the stack above was asked the",
        "same scenario and passed every check of it.",
        "",
        *_scores(results),
        "",
        *_unasked(results),
    ]
    for run, baseline in {result.run.revision: (result.run, result.baseline) for result in results}.values():
        required = {line: why for line, why in baseline.failed.items() if line.partition(":")[0] in run.required}
        beside = {line: why for line, why in baseline.failed.items() if line not in required}
        lines += [f"### Excused in {run.revision}", "", *_reasons(required), ""]
        if beside:
            lines += [f"Failed in {run.revision} beside it, required by no revision:", "", *_reasons(beside), ""]
    return lines


def _authorization(results: Sequence[Result]) -> list[str]:
    return [
        "## Authorization",
        "",
        "The scenarios for an authorization server, against the daemon; the person who types the passphrase on the",
        "consent page is played by the run. The protocol leaves authorization servers to OAuth, so no revision",
        "requires these.",
        "",
        *_scores(results),
    ]


def _scores(results: Sequence[Result]) -> list[str]:
    rows = []
    for what, run, baseline in results:
        checks = run.of(run.required)
        passed = sum(not check.is_failed for check in checks)
        excused = sum(line.partition(":")[0] in run.required for line in baseline.failed)
        numbers = (len(run.required), len(checks), passed, excused or "none")
        rows.append((run.revision, what, *map(str, numbers)))
    return _table(("revision", "what", "scenarios", "checks", "passed", "excused"), rows)


def _beside(results: Sequence[Result]) -> list[str]:
    """Return what was run without being required."""
    rows = []
    for _, run, baseline in results:
        for scenario, why in run.unscored.items():
            checks = run.of([scenario])
            passed = f"{sum(not check.is_failed for check in checks)} of {len(checks)}" if checks else "not tried"
            reasons = [reason for line, reason in baseline.failed.items() if line.startswith(f"{scenario}:")]
            called = why.replace("-", " ")
            rows.append((run.revision, f"`{scenario}`", called, passed, " ".join(dict.fromkeys(reasons))))
    return _table(("revision", "scenario", "the suite calls it", "checks passed", "why not all"), rows)


def _unasked(results: Sequence[Result]) -> list[str]:
    """Return what of the required scenarios was not asked, each once for all that were run."""
    lines = {result.run.revision: result.baseline.unasked for result in results}
    rows = [(revision, *row) for revision, unasked in lines.items() for row in _grouped(unasked)]
    if not rows:
        return []
    table = _table(("revision", "scenario", "check", "why"), rows)
    return ["Not asked by the suite, or only remarked upon, and so not counted:", "", *table, ""]


def _reasons(lines: Mapping[str, str]) -> list[str]:
    return _table(("scenario", "check", "why"), _grouped(lines))


def _grouped(lines: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return scenario, checks and reason; neighbours with the same reason are one row."""
    split = [(*line.partition(":")[::2], reason) for line, reason in lines.items()]
    groups = itertools.groupby(split, key=lambda each: (each[0], each[2]))
    return [
        (f"`{scenario}`", ", ".join(f"`{check}`" for _, check, _ in checks), reason)
        for (scenario, reason), checks in groups
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
