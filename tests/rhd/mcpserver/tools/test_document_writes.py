"""How every tool writes a document: once, whole, and never over what another client wrote."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.ids import new_token
from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

TOOL = "write_prd_from_idea"
IDEA = {"title": "Search", "idea": "Find things."}
PRD = "plans/prds/20261101-0900-search.prd.md"
GOAL_CALL = {"prd_path": PRD, "sprint_path": "plans/sprints/20261102-0900-search.sprint.md"}


def documents(repository: Repository) -> list[str]:
    return sorted(path.name for path in (repository.path / "plans/prds").iterdir())


async def test_a_repeated_create_returns_the_first_result(desk: Desk, repository: Repository) -> None:
    first = await desk.call(TOOL, **IDEA)
    assert await desk.call(TOOL, **IDEA) == first
    assert len(documents(repository)) == 2
    other = await desk.call(TOOL, **IDEA, notes="Other words.")
    assert other["path"] != first["path"]


async def test_creates_repeated_at_once_make_one_document(desk: Desk, repository: Repository) -> None:
    said: list[dict[str, Any]] = []

    async def ask() -> None:
        said.append(await desk.call(TOOL, **IDEA))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
    assert len(said) == 5
    assert all(each == said[0] for each in said)
    assert len(documents(repository)) == 2


async def test_documents_of_one_name_written_at_once_are_all_kept(desk: Desk, repository: Repository) -> None:
    paths: set[str] = set()

    async def ask(number: int) -> None:
        paths.add((await desk.call(TOOL, title="Search", idea=f"Idea {number}."))["path"])

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(ask, number)
    assert len(paths) == 5
    assert sorted(repository.read(path).split("## Idea\n\n")[1].split("\n")[0] for path in paths) == [
        f"Idea {number}." for number in range(5)
    ]


async def test_a_create_counts_as_repeated_for_ten_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, now = await desk.call(TOOL, **IDEA), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 590)
    assert await desk.call(TOOL, **IDEA) == first
    monkeypatch.setattr(time, "time", lambda: now + 601)
    assert (await desk.call(TOOL, **IDEA))["path"] != first["path"]


@pytest.mark.parametrize("what", ["changed", "removed"])
async def test_a_repeated_create_whose_document_is_no_longer_that_one_is_carried_out(
    desk: Desk, repository: Repository, what: str
) -> None:
    first = await desk.call(TOOL, **IDEA)
    if what == "changed":
        repository.write(first["path"], "# By hand\n")
    else:
        (repository.path / first["path"]).unlink()
    await desk.settle()
    second = await desk.call(TOOL, **IDEA)
    assert "Find things." in repository.read(second["path"])
    if what == "changed":
        assert repository.read(first["path"]) == "# By hand\n"


async def test_one_slug_is_one_document_which_we_replace_until_somebody_else_touches_it(
    desk: Desk, repository: Repository
) -> None:
    first = await desk.call(TOOL, **IDEA, slug="mine")
    second = await desk.call(TOOL, **IDEA, slug="mine", notes="More.")
    assert (second["path"], second["created"]) == (first["path"], False)
    assert "More." in repository.read(second["path"])
    repository.write(first["path"], "# By hand\n")
    await desk.refused(TOOL, "WOULD_OVERWRITE", **IDEA, slug="mine", notes="Even more.")
    assert repository.read(first["path"]) == "# By hand\n"


async def test_what_a_person_wrote_needs_its_revision_and_the_current_one_is_never_told(
    desk: Desk, repository: Repository
) -> None:
    error = await desk.refused(TOOL, "WOULD_OVERWRITE", **IDEA, slug=PRD)
    assert "r1_" not in str(error)
    seen = (await desk.call("read_workflow_file", path=PRD))["revision"]
    repository.write(PRD, "# Changed since\n")
    error = await desk.refused(TOOL, "REVISION_CONFLICT", **IDEA, slug=PRD, expected_revision=seen)
    assert "r1_" not in str(error)
    assert repository.read(PRD) == "# Changed since\n"
    seen = (await desk.call("read_workflow_file", path=PRD))["revision"]
    assert (await desk.call(TOOL, **IDEA, slug=PRD, expected_revision=seen))["created"] is False


async def test_a_version_of_a_list_or_made_up_text_is_no_revision(desk: Desk) -> None:
    version = (await desk.call("read_workflow_file", path=PRD))["version"]
    for made_up in (version, "r1_" + "a" * 22, "latest"):
        await desk.refused(TOOL, "REVISION_CONFLICT", **IDEA, slug=PRD, expected_revision=made_up)


async def test_a_revision_of_what_is_gone_is_a_conflict(desk: Desk, repository: Repository) -> None:
    seen = (await desk.call("read_workflow_file", path=PRD))["revision"]
    (repository.path / PRD).unlink()
    await desk.settle()
    await desk.refused(TOOL, "REVISION_CONFLICT", **IDEA, slug=PRD, expected_revision=seen)
    assert documents(repository) == []


async def test_the_missing_folder_is_made(desk: Desk, repository: Repository) -> None:
    repository.git("rm", "-rq", "plans")
    await desk.settle()
    assert repository.read((await desk.call(TOOL, **IDEA))["path"])


async def test_a_folder_that_is_a_link_is_not_written_through(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    repository.git("rm", "-rq", "plans")
    (tmp_path / "outside/prds").mkdir(parents=True)
    (repository.path / "plans").symlink_to(tmp_path / "outside")
    await desk.settle()
    await desk.refused(TOOL, "SYMLINK_ESCAPE", **IDEA)
    assert list((tmp_path / "outside/prds").iterdir()) == []


async def test_a_file_where_the_folder_should_be_is_a_refusal(desk: Desk, repository: Repository) -> None:
    repository.git("rm", "-rq", "plans")
    repository.write("plans", "a file\n")
    await desk.settle()
    await desk.refused(TOOL, "WRITE_FAILED", **IDEA)
    assert repository.read("plans") == "a file\n"


async def test_a_full_disk_is_a_refusal_that_says_so_and_leaves_nothing(
    desk: Desk, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rhd.workflow.temporary_file.os.write", fail)
        error = await desk.refused(TOOL, "DISK_FULL", **IDEA)
    assert error["details"] == {"reason": "no_space"}
    assert documents(repository) == [PRD.rpartition("/")[2]]


async def test_a_text_larger_than_a_document_may_be_is_a_refusal(desk: Desk) -> None:
    most = {"users": ["x" * 2000] * 50, "goals": ["é" * 2000] * 50, "non_goals": ["é" * 2000] * 50}
    await desk.refused(TOOL, "FILE_TOO_LARGE", **IDEA, **most, success_criteria=["é" * 2000] * 50)


async def test_callers_do_not_find_each_others_results(desk: Desk) -> None:
    """Who repeats is the grant; another one's equal words make a document of its own."""
    first = await desk.call(TOOL, **IDEA)
    row = await desk.context.store.read(lambda c: c.execute("SELECT caller, tool FROM creates").fetchall())
    assert [tuple(each) for each in row] == [("g_test", TOOL)]
    await desk.context.store.write(lambda c: c.execute("UPDATE creates SET caller = 'g_other'"))
    assert (await desk.call(TOOL, **IDEA))["path"] != first["path"]


async def test_arguments_are_kept_as_a_keyed_digest_alone(desk: Desk, tmp_path: Path) -> None:
    canary = "canary" + new_token(8)
    await desk.call(TOOL, title="T", idea=f"An idea of {canary}.")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("rhd.db*"))
    assert canary.encode() not in kept
    (row,) = await desk.context.store.read(lambda c: c.execute("SELECT digest FROM creates").fetchall())
    assert len(row[0]) == 16


async def test_two_that_write_one_document_at_once_never_mix(desk: Desk, repository: Repository) -> None:
    """The goal: one path, many writers; what is left is what one of them said."""
    calls = [
        partial(desk.call, "prepare_codex_goal_from_sprint", **GOAL_CALL, extra_instructions=f"I am {n}.")
        for n in range(4)
    ]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(call)
    text = repository.read(".ai/harness/handoff/codex-goal.md")
    assert sum(text.count(f"I am {n}.") for n in range(4)) == 1
    assert not [name for name in os.listdir(repository.path / ".ai/harness/handoff") if name.startswith(".rh-")]
