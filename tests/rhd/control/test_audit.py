"""`audit` on the socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_a_row_names_the_client_and_the_repository_even_when_both_are_gone(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    grant = await daemon.connect_client(slug)
    await daemon.call("forget", repo=slug)
    found = await daemon.call("audit")
    assert found["has_more"] is False
    made = next(row for row in found["rows"] if row["action"] == "grant.make")
    assert (made["principal"], made["client"], made["repo"], made["profile"]) == (grant, "ChatGPT", slug, "planner")
    ended = next(row for row in found["rows"] if row["action"] == "grant.end")
    assert (ended["principal"], ended["client"], ended["target"]) == ("owner", "ChatGPT", "forget")
    assert set(made) == {
        "action", "at", "client", "count", "duration_ms", "outcome", "principal", "profile", "repo", "target",
    }  # fmt: skip


async def test_rows_are_the_newest_oldest_first(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for profile in ("executor", "planner", "executor"):
        await daemon.call("start", repo=slug, profile=profile)
        await daemon.call("stop", repo=slug, profile=profile)
    found = await daemon.call("audit", count=2)
    assert ([row["action"] for row in found["rows"]], found["has_more"]) == (["profile.start", "profile.stop"], True)


@pytest.mark.parametrize(
    "params", [{"count": 0}, {"count": 1001}, {"since": "now"}, {"since": "2026-11-22T10:00:00"}, {"repo": "nothing"}]
)
async def test_what_cannot_be_asked_is_refused(daemon: Running, params: dict[str, Any]) -> None:
    assert (await daemon.refusal("audit", **params)).code in ("INVALID_ARGUMENT", "REPO_NOT_FOUND")
