"""Grants of the owner's own clients."""

from __future__ import annotations

from pathlib import Path

from rhd.oauth.local_grants import MAX_TOKENS, TOKEN_S
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository


async def test_one_grant_a_repository_whose_tokens_are_bounded(tmp_path: Path, repository: Repository) -> None:
    async with running_daemon(tmp_path / "home") as daemon:
        await check(daemon, await daemon.adopt(repository.path))


async def check(daemon: Running, slug: str) -> None:
    repo_id, authority = daemon.service(slug).repo.id, daemon.context.authority
    first = await authority.local.issue("local", repo_id, ["planner"])
    issued = [await authority.local.issue("other", repo_id, ["executor"]) for _ in range(MAX_TOKENS)]
    assert {each.grant_id for each in issued} == {first.grant_id}
    assert len({each.access_token for each in issued}) == MAX_TOKENS
    assert 0 < issued[-1].expires_at - first.expires_at < TOKEN_S
    (client,) = authority.clients(repo_id)
    assert (client.name, client.profiles) == ("local", {repo_id: {"planner"}})
    bearer = authority.authenticate(issued[-1].access_token)
    assert bearer is not None
    assert bearer.principal.id == first.grant_id
    assert authority.authenticate(first.access_token) is None, "the oldest made room"
