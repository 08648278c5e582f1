"""`docs/conformance.md`: what the runs found, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.conformance.suite import Run


class Result(NamedTuple):
    """One run and the lines that it was held against."""

    what: str
    run: Run
    baseline: Mapping[str, str]


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
    ]


def _product(results: Sequence[Result]) -> list[str]:
    lines = [
        "## The product",
        "",
        "The daemon as it is installed: a repository's endpoint, and the hub. Many scenarios call tools, prompts and",
        "resources that only the suite's example server has; what cannot be carried out counts as failed. Each of",
        "these checks has a line below with its reason. A failure without a line, and a line without a failure, end",
        "the run; and what a line excuses here passes in the stack above.",
        "",
        *_scores(results),
        "",
    ]
    for revision, baseline in {result.run.revision: result.baseline for result in results}.items():
        lines += [f"### Excused in {revision}", "", *_reasons(baseline), ""]
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
        excused = sum(line.partition(":")[0] in run.required for line in baseline)
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
            reasons = [reason for line, reason in baseline.items() if line.partition(":")[0] == scenario]
            called = why.replace("-", " ")
            rows.append((run.revision, f"`{scenario}`", called, passed, " ".join(dict.fromkeys(reasons))))
    return _table(("revision", "scenario", "the suite calls it", "checks passed", "why not all"), rows)


def _reasons(baseline: Mapping[str, str]) -> list[str]:
    rows = []
    for line, reason in baseline.items():
        scenario, _, check = line.partition(":")
        rows.append((f"`{scenario}`", f"`{check}`" if check else "all", reason))
    return _table(("scenario", "check", "why"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
