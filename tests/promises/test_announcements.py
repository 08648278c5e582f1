"""Whatever happens to a repository, what is announced is what happened. The long proofs are in tests/faults."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import trio

from rhd.watch.watched_roots import Policy
from tests.support.announced_state import EVENTS, POLLING, announcing, follow, trouble
from tests.support.repositories import Repository


@pytest.mark.parametrize(
    ("watcher", "policy"), [("inotify", EVENTS), ("watchfiles", EVENTS), ("poll", POLLING), ("auto", Policy())]
)
async def test_nothing_goes_unannounced_and_nothing_equal_is_announced(
    tmp_path: Path, watcher: str, policy: Policy
) -> None:
    repository = Repository.make(tmp_path / "r")
    async with announcing(tmp_path / "db", watcher, policy) as rooms:
        announced = await follow(rooms, repository)
        assert await trouble(announced, seed=7, operations=100, each=10) >= 100


async def test_a_branch_switch_is_announced_file_by_file(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "r")
    for number in range(200):
        repository.write(f"plans/prds/{number}.md", "1\n")
    repository.commit("many")
    repository.git("checkout", "-q", "-b", "other", "HEAD~1")
    async with announcing(tmp_path / "db", "inotify", EVENTS) as rooms:
        announced = await follow(rooms, repository)
        for branch in ("main", "other", "main"):
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", branch)
            await announced.settle()


async def test_a_folder_made_and_filled_at_once_is_announced(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "r")
    async with announcing(tmp_path / "db", "inotify", EVENTS) as rooms:
        announced = await follow(rooms, repository)
        for number in range(50):
            deep = repository.path / "tasks" / "reviews" / str(number) / "a" / "b"
            os.makedirs(deep)
            (deep / "leaf.md").write_text("x\n")
        await announced.settle()
        shutil.rmtree(repository.path / "tasks")
        await announced.settle()


@pytest.mark.parametrize("watcher", ["inotify", "watchfiles"])
async def test_a_name_that_is_not_utf8_hides_nothing(tmp_path: Path, watcher: str) -> None:
    """It makes watchfiles fail; whatever else changes is announced all the same."""
    repository = Repository.make(tmp_path / "r")
    async with announcing(tmp_path / "db", watcher, Policy(reconcile_s=3600, poll_s=0.2)) as rooms:
        announced = await follow(rooms, repository)
        for number in range(10):
            with open(os.fsencode(repository.path) + b"/plans/poison\xff.md", "a") as file:
                file.write("x")
            repository.write("plans/prds/healthy.md", f"{number}\n")
            await announced.settle()
