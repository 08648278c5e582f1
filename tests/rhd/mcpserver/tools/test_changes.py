from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.ids import Cursor
from rhd.mcpserver.tools import changes
from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

PRD = "plans/prds/20261101-0900-search.prd.md"
TOOL = "list_workflow_changes"


async def test_without_since_it_says_where_to_ask_on_from(desk: Desk) -> None:
    assert await desk.call(TOOL) == {"changes": [], "cursor": desk.service.changes.cursor, "reset": False}


async def test_what_changed_since_is_told_oldest_first_in_the_shape_of_every_change(
    desk: Desk, repository: Repository
) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    repository.write("plans/plan-a.md", "# A\n")
    await desk.settle()
    (repository.path / PRD).unlink()
    await desk.settle()
    said = await desk.call(TOOL, since=cursor)
    assert [(c["change"], c["path"], c["kind"], c["repo"]) for c in said["changes"]] == [
        ("added", "plans/plan-a.md", "plan", "project"),
        ("removed", PRD, "prd", "project"),
    ]
    assert all(set(c) == {"cursor", "repo", "path", "kind", "change", "at"} for c in said["changes"])
    assert all(c["at"].endswith("Z") for c in said["changes"])
    assert said["cursor"] == said["changes"][-1]["cursor"]
    assert (await desk.call(TOOL, since=said["cursor"]))["changes"] == []
    assert [c["path"] for c in (await desk.call(TOOL, since=said["changes"][0]["cursor"]))["changes"]] == [PRD]


async def test_what_the_caller_may_not_read_only_moves_the_cursor_on(
    desk: Desk, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAGE_CHANGES", 2)
    cursor = (await desk.call(TOOL))["cursor"]
    for number in range(5):
        repository.write(f"tasks/hidden-{number}.md", "x")
    await desk.settle()
    repository.write("plans/plan-a.md", "# A\n")
    await desk.settle()
    said = await desk.call(TOOL, since=cursor)
    assert [c["path"] for c in said["changes"]] == ["plans/plan-a.md"]
    desk.held = {"project": {"executor"}}
    paths, at = [], cursor
    while (said := await desk.call(TOOL, since=at))["changes"]:
        assert len(said["changes"]) <= 2
        paths += [c["path"] for c in said["changes"]]
        at = said["cursor"]
    assert paths == [*(f"tasks/hidden-{n}.md" for n in range(5)), "plans/plan-a.md"]


async def test_a_wait_ends_with_the_first_change_that_the_caller_may_see(desk: Desk, repository: Repository) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    told: list[dict[str, Any]] = []

    async def ask() -> None:
        told.append(await desk.call(TOOL, since=cursor, wait_s=25))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            repository.write("tasks/hidden.md", "x")
            await desk.settle()
            assert told == []
            repository.write("plans/plan-a.md", "# A\n")
            await desk.settle()
    assert [c["path"] for c in told[0]["changes"]] == ["plans/plan-a.md"]


async def test_a_wait_is_over_when_the_daemon_drains(desk: Desk) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    desk.context.waits.end()
    with trio.fail_after(20):
        assert await desk.call(TOOL, since=cursor, wait_s=25) == {"changes": [], "cursor": cursor, "reset": False}


async def test_a_grant_that_ends_while_it_waits_is_told_nothing(desk: Desk, repository: Repository) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            asking = partial(desk.refused, TOOL, "REPO_NOT_FOUND", since=cursor, wait_s=25)
            nursery.start_soon(asking)
            await _until_waiting(desk)
            desk.held = None
            repository.write("plans/plan-a.md", "# A\n")
            await desk.settle()


async def test_a_repository_that_is_forgotten_while_one_waits_is_not_found(desk: Desk) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(desk.refused, TOOL, "REPO_NOT_FOUND", since=cursor, wait_s=25))
            await _until_waiting(desk)
            await desk.rooms.registry.forget(desk.repo.id)


async def test_one_that_was_adopted_again_meanwhile_is_to_be_looked_at_anew(desk: Desk) -> None:
    repo, log = desk.repo, desk.service.changes
    told: list[dict[str, Any]] = []

    async def ask() -> None:
        told.append(await desk.call(TOOL, since=log.cursor, wait_s=25))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await _until_waiting(desk)
            again = replace(repo, log="zzzzzz")
            for what, each in (("forgotten", repo), ("adopted", again)):  # before the waiting task has woken
                desk.rooms.registry._repos[repo.id] = each
                desk.rooms.registry._tell(what, each)
    assert (told[0]["reset"], told[0]["changes"], told[0]["cursor"][:6]) == (True, [], "zzzzzz")


async def test_one_that_is_moved_while_one_waits_tells_what_changes_where_it_now_is(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    cursor = (await desk.call(TOOL))["cursor"]
    told: list[dict[str, Any]] = []

    async def ask() -> None:
        told.append(await desk.call(TOOL, since=cursor, wait_s=25))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await _until_waiting(desk)
            repository.path.rename(tmp_path / "moved")
            await desk.rooms.adopt(tmp_path / "moved")
            assert told == []
            Repository(tmp_path / "moved").write("plans/plan-a.md", "# A\n")
            await desk.settle()
    assert [c["path"] for c in told[0]["changes"]] == ["plans/plan-a.md"]


async def _until_waiting(desk: Desk) -> None:
    while not desk.context.waits._scopes:
        await trio.lowlevel.checkpoint()


async def test_a_cursor_of_another_log_or_too_old_says_that_everything_is_to_be_looked_at(desk: Desk) -> None:
    now = desk.service.changes.cursor
    for since in (Cursor.make("zzzzzz", 1), Cursor.make(now.log, now.number + 1)):
        assert await desk.call(TOOL, since=since, wait_s=25) == {"changes": [], "cursor": now, "reset": True}


@pytest.mark.parametrize("since", ["nonsense", "abcdef-", "abcdef-01", "-1", "abcdef-9999999999999999999"])
async def test_what_is_no_cursor_is_refused(desk: Desk, since: str) -> None:
    await desk.refused(TOOL, "INVALID_CURSOR", since=since)
