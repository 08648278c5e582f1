from __future__ import annotations

import pytest

from rhd.access import Principal
from rhd.endpoint.callers import Caller, acting_profile
from rhd.errors import Refusal
from rhd.ids import RepoId

BOTH = ("planner", "executor")


@pytest.mark.parametrize(
    ("allowed", "granted", "running", "acts"),
    [
        (BOTH, {"executor", "planner"}, {"executor", "planner"}, "planner"),
        (BOTH, {"executor", "planner"}, {"executor"}, "executor"),
        (("executor",), {"executor", "planner"}, {"executor", "planner"}, "executor"),
        (BOTH, {"executor"}, None, "executor"),
    ],
)
def test_the_first_profile_that_is_allowed_granted_and_running_acts(
    allowed: tuple[str, ...], granted: set[str], running: set[str] | None, acts: str
) -> None:
    assert acting_profile(allowed, frozenset(granted), frozenset(running) if running is not None else None) == acts


@pytest.mark.parametrize(
    ("granted", "running", "code"),
    [
        (set(), {"planner"}, "PROFILE_NOT_GRANTED"),
        ({"executor"}, {"executor"}, "PROFILE_NOT_GRANTED"),
        ({"planner"}, set(), "PROFILE_STOPPED"),
    ],
)
def test_a_call_beyond_the_grant_says_what_the_owner_can_do(granted: set[str], running: set[str], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        acting_profile(("planner",), frozenset(granted), frozenset(running))
    assert caught.value.code == code
    assert "rhctl" in caught.value.next_step


def test_a_caller_hears_only_as_its_grant_stands_now() -> None:
    here = RepoId.new()
    grant: list[Principal | None] = [Principal("g", "c", {here: frozenset({"planner"})})]
    caller = Caller("g", "c", False, lambda: grant[0])
    assert caller.hears(here) == {"planner"}
    assert caller.hears(RepoId.new()) == frozenset()
    grant[0] = None
    assert caller.hears(here) == frozenset()
    with pytest.raises(Refusal):
        caller.principal()
