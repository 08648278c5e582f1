"""Confinement against a live attacker and against a million paths. Run by `make faults`; minutes, not seconds.

CONFINEMENT_OPENS and CONFINEMENT_PATHS set other sizes.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rhd.access import Reach
from rhd.errors import HarnessError
from rhd.ids import RelPath
from rhd.workflow.root import Root
from tests.support import confinement_race, trees

OPENS = int(os.environ.get("CONFINEMENT_OPENS", "10_000_000"))
PATHS = int(os.environ.get("CONFINEMENT_PATHS", "1_000_000"))
PATHS_AT_ONCE = 200


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_cve_2025_53109_ten_million_opens_against_a_live_attacker_and_none_escapes(
    method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = confinement_race.run(method, OPENS // 2, timeout_s=7000)
    with capsys.disabled():
        print(f"\n{method}: {seen}")
    assert seen["opens"] == OPENS // 2
    assert (seen["escapes"], seen["changed_outside"]) == (0, False)
    # The attacker was there: links were met, and there was something to find between them.
    for outcome in ("read", "listed", "written", "SYMLINK_ESCAPE", "NOT_FOUND"):
        assert seen["outcomes"].get(outcome, 0) > OPENS // 2 // 100_000, outcome


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_cve_2025_53110_a_million_paths_lead_to_what_they_name_or_nowhere(
    method: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = Reach("everything", ("**",), (), denied=())
    tree = trees.make(tmp_path)
    outcomes: Counter[str] = Counter()

    with Root.open(str(tree.repository), method=method) as root:

        @settings(
            max_examples=PATHS // 2 // PATHS_AT_ONCE,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(trees.paths(tree), min_size=PATHS_AT_ONCE, max_size=PATHS_AT_ONCE))
        def attempt(texts: list[str]) -> None:
            for text in texts:
                outcomes[trees.judge(tree, root, everything, text)] += 1

        attempt()
    with capsys.disabled():
        print(f"\n{method}: {outcomes.total():,} paths: {dict(outcomes)}")
    assert outcomes.total() >= PATHS // 2
    assert outcomes["ok"] > 0
    with pytest.raises(HarnessError):
        RelPath("..")
