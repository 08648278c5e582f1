"""What is known to fail or to be left out, line by line with its reason, and whether a run says the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.conformance.suite import Run

FOLDER = Path(__file__).parent / "baselines"


class Baseline(NamedTuple):
    """What is known of one target in one revision: `scenario:check` -> why.

    Attributes:
        failed: checks that fail.
        unasked: checks of what the revision requires that the suite leaves out or only remarks upon.
    """

    failed: Mapping[str, str] = {}
    unasked: Mapping[str, str] = {}


def read_baseline(name: str, revision: str) -> Baseline:
    """Return a target's lines for a revision."""
    tables = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    assert tables.keys() <= set(Baseline._fields), "a table of another name would not be read"
    found = Baseline(*(tables.get(field, {}).get(revision, {}) for field in Baseline._fields))
    for lines in found:
        assert all(isinstance(reason, str) and reason.strip() for reason in lines.values()), (
            "each line needs its reason"
        )
    return found


def differences(run: Run, baseline: Baseline, *, proof: Run | None = None, before: int | None = None) -> list[str]:
    """Return where a run and its baseline disagree; stricter than the suite, which lets a line name nothing at all.

    Args:
        proof: the run that shows what may be excused of what the revision requires: scenarios that pass whole there.
            Without one, nothing of that may be.
        before: how many checks of what is required an earlier run of the same suite brought.
    """
    failed = {check.name: check for check in run.checks if check.is_failed}
    unasked = {check.name: check for check in run.checks if check.scenario in run.required and not check.is_counted}
    found = [f"unexpected: {name}: {check.said}" for name, check in failed.items() if name not in baseline.failed]
    found += [
        f"no longer asked: {name}: {check.status}" for name, check in unasked.items() if name not in baseline.unasked
    ]
    found += [f"stale: {line}" for line in baseline.failed if line not in failed]
    found += [f"stale, it is asked: {line}" for line in baseline.unasked if line not in unasked]
    found += [
        f"nothing may be excused here: {line}" if proof is None else f"does not pass whole in the stack: {line}"
        for line in baseline.failed
        if (scenario := line.partition(":")[0]) in run.required and not (proof and proof.is_passed(scenario))
    ]
    found += [f"said nothing: {scenario}" for scenario in run.required if not run.of([scenario])]
    if not run.required:
        found.append("nothing was run")
    if before is not None and (now := len(run.of(run.required))) < before:
        found.append(f"{now} checks, {before} before; if that is right, mend the number on the page")
    if run.exit_code != 0:
        found.append(f"the suite itself ended with {run.exit_code}")
    return [f"{run.revision}: {line}" for line in found]
