"""`auth-header` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_answer_names_the_grant_and_how_long_the_token_is_good(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    said = await daemon.call("auth-header", repo=slug)
    assert set(said) == {"headers", "client", "slug", "url", "expires_at"}
    assert said["url"] == f"{daemon.url}/mcp"
    assert [client["id"] for client in (await daemon.call("clients"))["clients"]] == [said["client"]]
    refused = await daemon.refusal("auth-header", repo=slug, profile="root")
    assert refused.code == "INVALID_ARGUMENT"
