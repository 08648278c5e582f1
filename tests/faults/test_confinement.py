"""Confinement against a live attacker and a million different paths. Run by `make faults`; minutes, not seconds.

CONFINEMENT_OPENS, over both ways of opening, and CONFINEMENT_PATHS, for each of them, set other sizes.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rhd.access import Reach
from rhd.errors import HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.root import Root
from tests.support import confinement_race, trap_trees

OPENS = int(os.environ.get("CONFINEMENT_OPENS", "10_000_000"))
PATHS = int(os.environ.get("CONFINEMENT_PATHS", "1_000_000"))
PATHS_AT_ONCE = 500
"""Paths an example: what hypothesis draws, and what is made of it at random. Drawing them all would take a millisecond
each, or, many at once, give the same ones again and again."""


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
def test_cve_2025_53110_a_million_different_paths_lead_to_what_they_name_or_nowhere(
    method: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = Reach("everything", ("**",), (), denied=())
    tree = trap_trees.make(tmp_path)
    outcomes: Counter[str] = Counter()
    tried: set[int] = set()  # hashes, for the room they take: two paths with one would count as one

    with Root.open(str(tree.repository), method=method) as root:

        @settings(
            max_examples=math.ceil(PATHS / PATHS_AT_ONCE),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(trap_trees.paths(tree), min_size=1, max_size=4), st.integers(0, 2**64 - 1))
        def attempt(drawn: list[str], seed: int) -> None:
            end = len(tried) + PATHS_AT_ONCE
            for text in trap_trees.vary(tree, drawn, Random(seed)):
                if hash(text) in tried:
                    continue  # only what has passed: a path that fails does so again when the example is repeated
                try:
                    outcomes[trap_trees.judge(tree, root, everything, text)] += 1
                except BaseException as error:
                    error.add_note(f"the path was {text!r}")
                    raise
                tried.add(hash(text))
                if len(tried) >= end:
                    break

        attempt()
    with capsys.disabled():
        print(f"\n{method}: {len(tried):,} different paths: {dict(outcomes)}")
    assert len(tried) == outcomes.total() >= PATHS
    for outcome in ("ok", "SYMLINK_ESCAPE", "NOT_FOUND"):
        assert outcomes[outcome] > 0, outcome
    with pytest.raises(HarnessError):
        RelPath("..")
