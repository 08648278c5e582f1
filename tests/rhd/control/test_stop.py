"""`stop` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_each_stopped_profile_is_noted_and_stopping_again_is_no_error(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("start", repo=slug, profile="executor")
    done = await daemon.call("stop", repo=slug)
    assert done == {"slug": slug, "stopped": ["planner", "executor"], "leased": [], "profiles": []}
    rows = [(row.action, row.profile) for row in await daemon.audited()]
    assert rows[-2:] == [("profile.stop", "planner"), ("profile.stop", "executor")]
    again = await daemon.call("stop", repo=slug)
    assert again == {"slug": slug, "stopped": [], "leased": [], "profiles": []}
    assert [(row.action, row.profile) for row in await daemon.audited()] == rows
    assert (await daemon.refusal("stop", repo=slug, profile="root")).code == "INVALID_ARGUMENT"


async def test_grants_stay(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    await daemon.call("stop", repo=slug)
    assert (await daemon.call("clients"))["clients"][0]["repos"] == {slug: ["planner"]}
