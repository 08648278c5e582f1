"""`passphrase` on the socket: asked for its right one, and replaced."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_the_daemon_says_whether_it_is_right_and_never_what_it_is(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    right = daemon.passphrase(repository.path)
    where = {"slug": slug, "path": str(repository.path), "file": ".repo-harness/mcp.oauth.json"}
    for given, is_right in ((right, True), (right[:-1], False), ("", False), (None, False)):
        answer = await daemon.call("passphrase", repo=slug, action="check", passphrase=given)
        assert answer == {**where, "is_right": is_right, "problem": None}


async def test_rotating_replaces_it_here_and_in_the_copy_and_drops_what_it_opened(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    before = daemon.passphrase(repository.path)
    done = await daemon.call("passphrase", repo=slug, action="rotate")
    assert (done["dropped"], done["ended"], done["copy_problem"]) == (True, 1, None)
    assert done["passphrase"] == daemon.passphrase(repository.path) != before
    assert (await daemon.call("clients"))["clients"][0]["repos"] == {}
    check = await daemon.call("passphrase", repo=slug, action="check", passphrase=before)
    assert check["is_right"] is False
    assert [row.action for row in await daemon.audited()][-1] == "passphrase.rotate"


async def test_clients_stay_if_that_is_asked_for(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    done = await daemon.call("passphrase", repo=slug, action="rotate", drop=False)
    assert (done["dropped"], done["ended"]) == (False, 0)
    assert (await daemon.call("clients"))["clients"][0]["repos"] == {slug: ["planner"]}


async def test_a_copy_that_cannot_be_written_is_told_and_the_rotation_holds(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    copy = repository.path / ".repo-harness/mcp.oauth.json"
    copy.unlink()
    copy.mkdir()
    done = await daemon.call("passphrase", repo=slug, action="rotate")
    assert done["copy_problem"]
    assert done["passphrase"] not in done["copy_problem"]
    check = await daemon.call("passphrase", repo=slug, action="check", passphrase=done["passphrase"])
    assert check["is_right"] is True


async def test_another_action_is_refused(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await daemon.refusal("passphrase", repo=slug, action="show")).code == "INVALID_ARGUMENT"
