"""Documents: what a repeated call finds, whenever the daemon was killed. The tools' own tests have the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rhd.access import PLANNER
from rhd.errors import Refusal, WriteFailed
from rhd.rel_path import RelPath
from rhd.repos import creates
from rhd.repos.creates import REPEATED_WITHIN_S, Creates, DocumentWrite
from rhd.repos.repo_service import RepoService
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, running_rooms

PATH = RelPath("plans/prds/new.prd.md")


def write(**other: Any) -> DocumentWrite:
    """A request; as a tool makes it again, its text has another time in it."""
    made = DocumentWrite(
        tool="write_prd_from_idea",
        by="ChatGPT",
        caller="g_1",
        digest=b"d" * 16,
        reach=PLANNER.reach,
        path=lambda _: PATH,
        text="# New at 10:00\n",
        expected=None,
        said={"cards": 2},
    )
    return replace(made, **other)


class KilledError(BaseException):
    """The daemon is killed at this point."""


@pytest.fixture
async def service(tmp_path: Path, repository: Repository) -> AsyncIterator[RepoService]:
    async with running_rooms(tmp_path / "db") as rooms:
        yield rooms.service(await rooms.adopt(repository))


async def carry_out(service: RepoService, request: DocumentWrite) -> dict[str, Any]:
    """Do what the owner does, without its task: so that it can be killed half-way."""
    result, _ = await Creates(service._creates._store, service.repo.id, KEY).carry_out(
        request, service.artifacts, service._call
    )
    return result


async def test_a_repeated_call_returns_the_first_result_and_writes_nothing(
    service: RepoService, repository: Repository
) -> None:
    first = await service.write_document(write())
    assert {**first, "revision": None} == {"path": PATH, "revision": None, "created": True, "cards": 2}
    again = await service.write_document(write(text="# New at 10:05\n", said={"cards": 3}))
    assert again == first
    assert repository.read(PATH) == "# New at 10:00\n"


@pytest.mark.parametrize("other", [{"caller": "g_2"}, {"digest": b"e" * 16}, {"tool": "another"}])
async def test_another_call_is_no_repeat(service: RepoService, other: dict[str, Any]) -> None:
    await service.write_document(write())
    path = RelPath("plans/prds/second.prd.md")
    assert (await service.write_document(write(path=lambda _: path, **other)))["path"] == path


async def test_a_call_that_was_killed_after_its_write_is_found_by_the_revision(
    service: RepoService, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Creates, "_record", killed)
        with pytest.raises(KilledError):
            await carry_out(service, write())
    assert repository.read(PATH) == "# New at 10:00\n"
    await service.settle()
    again = await service.write_document(write(text="# New at 10:05\n", path=lambda _: RelPath("plans/prds/b.prd.md")))
    assert (again["path"], again["created"]) == (PATH, True)
    assert repository.read(PATH) == "# New at 10:00\n"
    # It is the tool's own from now on, as if nothing had happened.
    replaced = await service.write_document(write(digest=b"e" * 16, text="# Newer\n"))
    assert (replaced["path"], replaced["created"]) == (PATH, False)


async def test_a_call_that_was_killed_before_its_write_is_carried_out(
    service: RepoService, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(creates, "save", killed)
        with pytest.raises(KilledError):
            await carry_out(service, write())
    assert not (repository.path / PATH).exists()
    assert (await service.write_document(write(text="# New at 10:05\n")))["created"] is True
    assert repository.read(PATH) == "# New at 10:05\n"


async def test_a_write_that_was_refused_is_tried_again(service: RepoService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise WriteFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(creates, "save", full)
        with pytest.raises(WriteFailed):
            await service.write_document(write())
    assert (await service.write_document(write()))["created"] is True


async def test_what_was_changed_since_is_not_taken_for_the_first_result(
    service: RepoService, repository: Repository
) -> None:
    await service.write_document(write())
    repository.write(PATH, "# Mine\n")
    with pytest.raises(Refusal) as refused:
        await service.write_document(write())
    assert refused.value.code == "WOULD_OVERWRITE"


async def test_a_repeat_is_one_for_ten_minutes(
    service: RepoService, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = creates.time.time()
    await service.write_document(write())
    monkeypatch.setattr(creates.time, "time", lambda: at + REPEATED_WITHIN_S + 5)
    await service.write_document(write(text="# New at 10:11\n"))
    assert repository.read(PATH) == "# New at 10:11\n", "its own document, which it may replace"
