"""`approve` on the socket: what is described before anything is granted, and what is granted then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_without_a_word_of_confirmation_nothing_is_granted(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    code = daemon.begin_login("ChatGPT")
    described = await daemon.call("approve", code=code)
    assert (described["approved"], described["repos"], described["profiles"]) == (False, [slug], ["planner"])
    assert (await daemon.call("clients"))["clients"] == []
    assert (await daemon.call("approve", code=code, confirm=True))["approved"] is True
    assert len((await daemon.call("clients"))["clients"]) == 1
    assert (await daemon.refusal("approve", code=code, confirm=True)).code == "APPROVAL_NOT_FOUND"


async def test_a_login_for_one_repository_reaches_that_one_whatever_is_named(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    one = await daemon.adopt(repository.path)
    two = await daemon.adopt(Repository.make(tmp_path / "two").path)
    code = daemon.begin_login(resource=str(daemon.service(one).repo.slug))
    assert (await daemon.call("approve", code=code, repos=[{"repo": two}], all_repos=True))["repos"] == [one]


async def test_a_login_for_a_repository_that_was_forgotten_meanwhile_is_refused(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    code = daemon.begin_login(resource=slug)
    await daemon.call("forget", repo=slug)
    assert (await daemon.refusal("approve", code=code)).code == "REPO_NOT_FOUND"


async def test_orchestrator_is_granted_only_where_it_is_named(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    code = daemon.begin_login(scopes=("planner", "orchestrator"))
    assert (await daemon.call("approve", code=code))["profiles"] == ["planner"]
    refused = await daemon.refusal("approve", code=code, profiles=["orchestrator"])
    assert refused.code == "DEV_RUNNER_DISABLED"
    await daemon.call("start", repo="project", profile="orchestrator", enable_dev_runner=True)
    named = await daemon.call("approve", code=code, profiles=["orchestrator", "planner", "planner"])
    assert named["profiles"] == ["planner", "orchestrator"]
    lonely = daemon.begin_login("B", scopes=("orchestrator",))
    assert (await daemon.call("approve", code=lonely))["profiles"] == ["planner"]


@pytest.mark.parametrize(
    "params",
    [{"profiles": ["root"]}, {"profiles": [7]}, {"repos": ["project"]}, {"repos": [{"repo": 1}]}, {"repos": [None]}],
)
async def test_what_names_no_repository_or_profile_is_refused(
    daemon: Running, repository: Repository, params: dict[str, Any]
) -> None:
    await daemon.adopt(repository.path)
    refused = await daemon.refusal("approve", code=daemon.begin_login(), confirm=True, **params)
    assert refused.code == "INVALID_ARGUMENT"
    assert (await daemon.call("clients"))["clients"] == []


async def test_a_repository_that_is_named_twice_is_one(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    twice = [{"repo": slug}, {"repo": "x/y", "path": str(repository.path)}]
    assert (await daemon.call("approve", code=daemon.begin_login(), repos=twice))["repos"] == [slug]
