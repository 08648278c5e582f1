"""What a request means: slugs before paths, the innermost repository, and words where there is none."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.control import lookup
from rhd.control.lookup import MAX_NAMED, find_profile, find_repo, find_repos
from rhd.errors import Refusal
from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def slug_of(daemon: Running, **params: str) -> str:
    """Return the slug of what is selected."""
    return str((await find_repo(daemon.context, params)).slug)


async def test_a_slug_an_id_or_any_path_inside_names_a_repository(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert await slug_of(daemon, repo=slug) == slug
    assert await slug_of(daemon, repo=daemon.service(slug).repo.id) == slug
    for inside in ("", "/plans/prds", "/src/index.py", "/nothing/there"):
        assert await slug_of(daemon, path=f"{repository.path}{inside}") == slug


async def test_a_slug_wins_over_a_folder_of_that_name(daemon: Running, repository: Repository, tmp_path: Path) -> None:
    one = await daemon.adopt(repository.path)
    other = Repository.make(tmp_path / "elsewhere" / one)
    await daemon.call("adopt", path=str(other.path))
    assert await slug_of(daemon, repo=one, path=str(other.path)) == one


async def test_a_repository_inside_another_is_meant_rather_than_the_outer_one(
    daemon: Running, repository: Repository
) -> None:
    await daemon.adopt(repository.path)
    inner = Repository.make(repository.path / "vendor/inner")
    with pytest.raises(Refusal) as refused:
        await slug_of(daemon, path=f"{inner.path}/plans")
    assert refused.value.code == "REPO_NOT_ADOPTED"
    assert f"rhctl adopt {inner.path}" in refused.value.next_step
    assert await slug_of(daemon, path=str(inner.path.parent)) == "project"


async def test_where_a_repository_was_is_still_it_until_another_stands_there(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "moved")
    assert await slug_of(daemon, path=f"{repository.path}/plans") == slug


async def test_what_is_not_there_is_refused_with_what_is(daemon: Running, repository: Repository) -> None:
    with pytest.raises(Refusal, match="none is adopted"):
        await slug_of(daemon, repo="nothing")
    slug = await daemon.adopt(repository.path)
    with pytest.raises(Refusal, match=f"adopted: {slug}"):
        await slug_of(daemon, repo="nothing")
    with pytest.raises(Refusal, match="the current folder is in no adopted repository"):
        await slug_of(daemon, path="/")
    with pytest.raises(Refusal) as refused:
        await slug_of(daemon, repo="x" * 500)
    assert len(refused.value.message) < 200
    with pytest.raises(Refusal):
        await slug_of(daemon, path="relative/path")
    with pytest.raises(Refusal):
        await slug_of(daemon)


async def test_many_repositories_are_not_all_listed(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Repo(f"r{number:02}") for number in range(MAX_NAMED + 5)]
    monkeypatch.setattr(type(daemon.context.registry), "__iter__", lambda _: iter(many))
    with pytest.raises(Refusal, match="r11 and 5 more"):
        await slug_of(daemon, repo="nothing")


class Repo:
    """As much of a repository as a list shows."""

    def __init__(self, slug: str) -> None:
        self.slug = slug


async def test_none_named_means_all_of_them_in_order(daemon: Running, tmp_path: Path) -> None:
    for name in ("b", "a"):
        await daemon.adopt(Repository.make(tmp_path / name).path)
    assert [r.slug for r in await find_repos(daemon.context, {})] == ["a", "b"]
    assert [r.slug for r in await find_repos(daemon.context, {"repo": "b"})] == ["b"]


def test_only_profiles_that_exist_are_selected() -> None:
    assert find_profile("planner") == "planner"
    for typed in ("", "Planner", "planner ", "root", "x" * 500):
        with pytest.raises(Refusal, match="known: planner, executor, orchestrator") as refused:
            find_profile(typed)
        assert len(refused.value.message) < 140


async def test_a_dead_mount_harms_no_look_up_of_another_repository(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository.make(tmp_path / "other")
    await daemon.adopt(repository.path)
    await daemon.adopt(other.path)
    dead, go_on, find = str(repository.path), threading.Event(), lookup.find_repository

    def find_or_hang(path: str) -> Any:
        if path.startswith(dead):
            go_on.wait(60)
        return find(path)

    monkeypatch.setattr(lookup, "find_repository", find_or_hang)
    monkeypatch.setattr(lookup, "LOOK_WITHIN_S", 0.2)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(partial(slug_of, daemon, path=f"{dead}/plans/{number}"))
            await trio.testing.wait_all_tasks_blocked()
            assert await slug_of(daemon, path=str(other.path)) == "other"
            assert await slug_of(daemon, path=f"{other.path}/plans") == "other"
            assert await slug_of(daemon, path=dead) == "project", "the registry knows it without a look"
        assert await slug_of(daemon, path=f"{dead}/plans") == "project", "the registry answers in the end"
    assert not go_on.is_set()
    go_on.set()


async def test_a_path_in_no_repository_whose_file_system_hangs_is_refused_in_words(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(lookup, "find_repository", lambda _: go_on.wait(60))
    monkeypatch.setattr(lookup, "LOOK_WITHIN_S", 0.05)
    with pytest.raises(Refusal) as refused:
        await slug_of(daemon, path="/dead/project")
    assert refused.value.code == "TIMEOUT"
    assert "/dead/project" in refused.value.message
    go_on.set()


@pytest.mark.parametrize("typed", ["./nowhere", "plans/none.md", "nowhere/deep/er"])
async def test_a_typed_path_that_does_not_exist_means_no_repository_around_it(
    daemon: Running, repository: Repository, typed: str
) -> None:
    await daemon.adopt(repository.path)
    with pytest.raises(Refusal) as refused:
        await slug_of(daemon, repo=typed, path=f"{repository.path}/{typed.removeprefix('./')}")
    assert refused.value.code == "PATH_NOT_FOUND"


async def test_a_mistyped_slug_is_met_with_the_one_that_was_meant(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    with pytest.raises(Refusal) as refused:
        await slug_of(daemon, repo=slug[:-1])
    assert refused.value.next_step.startswith(f"Did you mean {slug}? ")
