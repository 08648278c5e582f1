from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from rhd.access import Principal
from rhd.errors import Refusal
from rhd.ids import RepoId, Slug
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.permissions import (
    acting_profiles,
    choose_repo,
    granted_profiles,
    granted_repos,
    readable_profiles,
)
from rhd.repos.registry import Repo

BOTH = ("planner", "executor")


def repo(slug: str, name: str | None = None, *, mark: str) -> Repo:
    id_ = RepoId("rh_" + 20 * mark)  # the same in every process that collects tests
    return Repo(id_, Slug(slug), name or slug, f"/repos/{slug}", "aaaaaa", b"", 0.0)


ONE, TWO, THREE = repo("one", mark="a"), repo("second-app", "Second App", mark="b"), repo("third", "one", mark="c")


class Registry(list[Repo]):
    """Adopted repositories, and what is started on all of them."""

    running: frozenset[str] = frozenset(BOTH)

    def profiles(self, _: RepoId) -> frozenset[str]:
        return self.running


def context(*repos: Repo, running: set[str] | None = None) -> Any:
    registry = Registry(repos)
    registry.running = frozenset(BOTH if running is None else running)
    return SimpleNamespace(registry=registry)


def principal(**profiles: set[str]) -> Principal:
    known = {"one": ONE, "two": TWO, "three": THREE}
    return Principal("g_1", "c", {known[name].id: frozenset(held) for name, held in profiles.items()})


def caller(who: Principal, *, is_owner: bool = False) -> Caller:
    return Caller(who.id, who.label, is_owner, lambda: who)


@pytest.mark.parametrize(
    ("allowed", "granted", "running", "act"),
    [
        (BOTH, {"executor", "planner"}, {"executor", "planner"}, ["planner", "executor"]),
        (BOTH, {"executor", "planner"}, {"executor"}, ["executor"]),
        (("executor",), {"executor", "planner"}, {"executor", "planner"}, ["executor"]),
        (("orchestrator", "planner"), {"orchestrator", "planner"}, {"orchestrator", "planner"}, None),
    ],
)
def test_who_acts_is_allowed_granted_and_running_in_the_order_of_the_profiles(
    allowed: tuple[str, ...], granted: set[str], running: set[str], act: list[str] | None
) -> None:
    found = acting_profiles(context(ONE, running=running), caller(principal(one=granted)), ONE, allowed)
    assert [profile.name for profile in found] == (act or ["planner", "orchestrator"])


@pytest.mark.parametrize(
    ("granted", "running", "code", "step"),
    [
        ({"executor"}, {"executor"}, "PROFILE_NOT_GRANTED", "rhctl grant g_1 one --profile planner"),
        ({"planner"}, {"executor"}, "PROFILE_STOPPED", "rhctl start one --profile planner"),
    ],
)
def test_a_call_beyond_the_grant_names_the_command_that_would_allow_it(
    granted: set[str], running: set[str], code: str, step: str
) -> None:
    with pytest.raises(Refusal) as caught:
        acting_profiles(context(ONE, running=running), caller(principal(one=granted)), ONE, ("planner",))
    assert caught.value.code == code
    assert caught.value.next_step.endswith(step)


def test_what_is_started_does_not_concern_the_owner() -> None:
    owner = caller(principal(one={"executor"}), is_owner=True)
    nothing_runs = context(ONE, running=set())
    assert [p.name for p in acting_profiles(nothing_runs, owner, ONE, BOTH)] == ["executor"]
    assert [p.name for p in readable_profiles(nothing_runs, owner, ONE.id)] == ["executor"]
    with pytest.raises(Refusal) as caught:
        acting_profiles(nothing_runs, owner, ONE, ("planner",))
    assert "--profile planner" in caught.value.next_step
    assert "rhctl grant" not in caught.value.next_step


def test_what_is_read_through_is_granted_and_running() -> None:
    who = caller(principal(one={"planner", "executor"}, two={"planner"}))
    assert [p.name for p in readable_profiles(context(running={"executor"}), who, ONE.id)] == ["executor"]
    assert [p.name for p in readable_profiles(context(), who, ONE.id)] == ["planner", "executor"]
    assert readable_profiles(context(), who, THREE.id) == ()


def test_the_hub_shows_what_is_granted_anywhere_and_a_repository_what_is_granted_there() -> None:
    who = principal(one={"planner"}, two={"executor"})
    assert granted_profiles(who, None) == {"planner", "executor"}
    assert granted_profiles(who, TWO.id) == {"executor"}
    assert granted_profiles(who, THREE.id) == set()
    assert granted_profiles(principal(), None) == set()


def test_only_what_is_adopted_and_granted_is_listed() -> None:
    who = principal(three={"planner"}, one={"planner"}, two=set())
    assert granted_repos(context(THREE, TWO, ONE), who) == [ONE, THREE]
    assert granted_repos(context(TWO), who) == []


@pytest.mark.parametrize("wanted", ["second-app", "second-app/", " second-app ", TWO.id, "Second App", "SECOND-APP"])
def test_a_repository_is_found_by_slug_id_or_name(wanted: str) -> None:
    assert choose_repo(context(ONE, TWO), principal(one={"planner"}, two={"planner"}), wanted) is TWO


def test_a_slug_is_meant_before_a_name() -> None:
    assert choose_repo(context(ONE, THREE), principal(one={"planner"}, three={"planner"}), "one") is ONE


def test_without_a_word_the_only_one_is_meant() -> None:
    assert choose_repo(context(ONE, TWO), principal(two={"planner"}), None) is TWO


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        ({"one": {"planner"}, "two": {"planner"}}, None, "several repositories are granted"),
        ({"one": {"planner"}}, "second-app", "no repository of that name is granted"),
        ({"one": {"planner"}}, TWO.id, "no repository of that name is granted"),
        ({"one": {"planner"}}, "nothing", "no repository of that name is granted"),
        ({"one": {"planner"}}, "", "no repository of that name is granted"),
        ({}, None, "no repository is granted"),
        ({"two": {"planner"}, "three": {"planner"}, "one": set()}, "ONE/", None),
    ],
)
def test_what_is_not_granted_is_refused_as_if_it_were_unknown(
    held: dict[str, set[str]], wanted: str | None, said: str | None
) -> None:
    everything = context(ONE, TWO, THREE)
    if said is None:
        assert choose_repo(everything, principal(**held), wanted) is THREE
        return
    with pytest.raises(Refusal) as caught:
        choose_repo(everything, principal(**held), wanted)
    assert caught.value.code == "REPO_NOT_FOUND"
    assert said in caught.value.message
    told = json.dumps(caught.value.to_json())
    assert ("second" in told) == ("two" in held)


def test_two_of_one_name_are_told_apart_by_their_slugs() -> None:
    twin = repo("second-app-2", "Second App", mark="d")
    who = Principal("g", "c", {TWO.id: frozenset({"planner"}), twin.id: frozenset({"planner"})})
    with pytest.raises(Refusal) as caught:
        choose_repo(context(TWO, twin), who, "second app")
    assert "slug" in caught.value.message
    assert (caught.value.details or {})["repos"] == ["second-app", "second-app-2"]
