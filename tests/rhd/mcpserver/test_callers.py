from __future__ import annotations

import pytest

from rhd.access import Principal
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller


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


def test_a_grant_is_itself_and_every_connection_of_the_owner_is_the_owner() -> None:
    assert Caller("g_1", "c", False, lambda: None).identity == "g_1"
    assert Caller("owner:7", "c", True, lambda: None).identity == "owner"
