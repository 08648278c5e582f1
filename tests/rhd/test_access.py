from __future__ import annotations

import dataclasses

import pytest

from rhd.access import DENIED_PARTS, EXECUTOR, ORCHESTRATOR, PLANNER, PROFILES, Principal
from rhd.ids import RepoId


def test_the_profiles_act_in_this_order() -> None:
    assert list(PROFILES) == ["planner", "executor", "orchestrator"]


def test_profiles_are_values_that_nobody_can_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLANNER.name = "root"  # type: ignore[misc]
    with pytest.raises(TypeError):
        PROFILES["root"] = PLANNER  # type: ignore[index]


def test_what_each_profile_reads_and_writes() -> None:
    assert set(PLANNER.reach.reads) < set(EXECUTOR.reach.reads)
    assert PLANNER.reach.writes == (
        "plans/prds/*",
        "plans/sprints/*",
        ".ai/harness/handoff/codex-goal.md",
        ".ai/harness/handoff/chatgpt-plan.md",
    )
    assert EXECUTOR.reach.writes == (".ai/harness/handoff/codex-goal.md", ".ai/harness/handoff/notes.md")
    assert ORCHESTRATOR.reach.writes == ()
    assert ORCHESTRATOR.reach.reads == PLANNER.reach.reads


def test_secrets_are_denied_to_every_profile() -> None:
    for profile in PROFILES.values():
        assert profile.reach.denied == DENIED_PARTS
    assert {".git", ".env*", ".ssh", ".repo-harness", "_ops", "secrets", "credentials"} <= set(DENIED_PARTS)


def test_a_principal_may_what_its_grant_says_and_nothing_elsewhere() -> None:
    here, elsewhere = RepoId.new(), RepoId.new()
    principal = Principal("g", "ChatGPT", {here: frozenset({"planner"})})
    assert principal.may(here, "planner")
    assert not principal.may(here, "executor")
    assert not principal.may(elsewhere, "planner")
