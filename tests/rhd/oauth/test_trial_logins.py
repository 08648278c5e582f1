"""Trial logins at the authority; what stays of a whole walk is tests/rhd/control/test_doctor_live.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rhd.errors import Refusal, StoreFailed
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Running]:
    """A daemon that serves."""
    async with running_daemon(tmp_path / "home") as running:
        yield running


async def test_only_the_login_of_the_named_client_is_granted_and_its_removal_ends_it(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    authority, repo = daemon.context.authority, daemon.service(slug).repo
    code = daemon.begin_login("Someone")
    login = authority.pending(code)
    with pytest.raises(Refusal, match="another client"):
        await authority.trials.approve(code, "c-other", repo.id)
    assert authority.clients() == []
    async with authority.trials.one():
        await authority.trials.approve(code, login.client.id, repo.id)
        (client,) = authority.clients()
        assert dict(client.profiles) == {repo.id: {"planner"}}
    assert authority.clients() == []


async def test_a_removal_that_the_disk_refuses_is_made_up_for_by_the_next(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    authority, repo = daemon.context.authority, daemon.service(slug).repo
    first = daemon.begin_login("First")
    async with authority.trials.one():
        await authority.trials.approve(first, authority.pending(first).client.id, repo.id)

        async def refuse() -> None:
            raise StoreFailed("the disk is full", code="DISK_FULL")

        monkeypatch.setattr(authority.trials, "remove", refuse)
    assert len(authority.clients()) == 1
    monkeypatch.undo()
    second = daemon.begin_login("Second")
    async with authority.trials.one():
        await authority.trials.approve(second, authority.pending(second).client.id, repo.id)
        assert [client.name for client in authority.clients()] == ["Second"]
    assert authority.clients() == []
