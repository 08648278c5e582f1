"""`status` on the socket; its whole answer is held by the command's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.attached import attached
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.waiting import until


async def test_grants_and_attached_agents_are_counted_together(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    async with attached(daemon, slug):
        await until(daemon.context.endpoints.local_clients)
        assert (await daemon.call("status", repo=slug))["repos"][0]["clients"] == 2


async def test_the_last_change_is_the_newest_and_how_it_was_noticed(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    (repository.path / "plans/prds/20261101-0900-search.prd.md").unlink()
    await daemon.settle(slug)
    (repo,) = (await daemon.call("status"))["repos"]
    last = repo["last_change"]
    assert (last["path"], last["change"]) == ("plans/prds/20261101-0900-search.prd.md", "removed")
    newest = (await daemon.call("events", repo=slug, count=1))["changes"][0]
    assert {key: newest[key] for key in last} == last


async def test_a_broken_repository_is_named_and_the_others_are_told_of_as_ever(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    other = await daemon.adopt(Repository.make(tmp_path / "other").path)
    repository.path.rename(tmp_path / "moved")
    await daemon.until_state(slug, "detached")
    found = {repo["slug"]: repo for repo in (await daemon.call("status"))["repos"]}
    assert found[slug]["problem"]["code"] == "REPO_DETACHED"
    assert found[slug]["problem"]["next_step"].endswith(f" forget {slug}")
    assert (found[other]["state"], found[other]["problem"]) == ("ok", None)
    assert (await daemon.refusal("status", repo="nothing")).code == "REPO_NOT_FOUND"


async def test_the_wrong_passphrases_and_new_clients_of_a_day_are_counted(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.oauth.wrong_passphrases.DELAY_S", 0)
    slug = await daemon.adopt(repository.path)
    assert (await daemon.call("status"))["daemon"]["last_day"] == {"wrong_passphrases": 0, "new_clients": 0}
    await daemon.connect_client(slug)
    login = daemon.context.authority.pending(daemon.begin_login())
    for _ in range(3):
        await daemon.context.authority.logins.unlock(login, "wrong")
    assert (await daemon.call("status"))["daemon"]["last_day"] == {"wrong_passphrases": 3, "new_clients": 1}
