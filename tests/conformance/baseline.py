"""What is known to fail, line by line with its reason, and whether a run says the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.suite import Run

FOLDER = Path(__file__).parent / "baselines"


def read_baseline(name: str, revision: str) -> Mapping[str, str]:
    """Return a target's lines for a revision: `scenario` or `scenario:check` -> why it fails."""
    lines = tomllib.loads((FOLDER / f"{name}.toml").read_text()).get(revision, {})
    assert all(isinstance(reason, str) and reason.strip() for reason in lines.values()), "each line needs its reason"
    return lines


def differences(run: Run, baseline: Mapping[str, str], *, excuses: bool) -> list[str]:
    """Return where a run and its baseline disagree; stricter than the suite, which lets a line name nothing at all.

    Args:
        excuses: whether a line may stand for what the revision requires, or only for what is run beside it.
    """
    failed = {check.name: check for check in run.checks if check.is_failed}
    scenarios = {check.scenario for check in failed.values()}
    found = [
        f"unexpected: {name}: {check.said}"
        for name, check in failed.items()
        if name not in baseline and check.scenario not in baseline
    ]
    found += [f"stale: {line}" for line in baseline if line not in failed and line not in scenarios]
    found += [f"too coarse, name the check: {line}" for line in baseline if line in run.required]
    if not excuses:
        found += [f"nothing may be excused here: {line}" for line in baseline if line.partition(":")[0] in run.required]
    silent = set(run.required) - {check.scenario for check in run.checks if check.is_counted}
    found += [f"said nothing: {scenario}" for scenario in sorted(silent)]
    if not run.required:
        found.append("nothing was run")
    if run.exit_code != 0:
        found.append(f"the suite itself ended with {run.exit_code}")
    return [f"{run.revision}: {line}" for line in found]
