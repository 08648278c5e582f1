"""A long text takes its time without being taken for a file system that hangs."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from rhd.access import PLANNER
from rhd.errors import NotFound, Refusal
from rhd.mcpserver.text_reads import read_text
from rhd.rel_path import RelPath
from rhd.workflow.reading import page_of
from tests.support.mcp_client import seated
from tests.support.repositories import Repository
from tests.support.running_repos import KEY

SHORT, LONG = RelPath("plans/short.md"), RelPath("plans/long.md")


async def test_a_text_is_read_whatever_its_length(tmp_path: Path, repository: Repository) -> None:
    repository.write(SHORT, "short\n")
    repository.write(LONG, "a long line\n" * 30_000)
    async with seated(tmp_path / "rhd.db", repository) as desk:
        for path in (SHORT, LONG):
            page = await read_text(desk.service, path, PLANNER.reach, partial(page_of, key=KEY))
            assert repository.read(path).startswith(page.content)
        with pytest.raises(NotFound):
            await read_text(desk.service, RelPath("plans/none.md"), PLANNER.reach, partial(page_of, key=KEY))


async def test_work_on_a_long_text_has_a_deadline_of_its_own(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that takes long is no file system that hangs."""
    repository.write(LONG, "a long line\n" * 30_000)
    may_end = threading.Event()
    monkeypatch.setattr("rhd.repos.repo_service.COMPUTE_WITHIN_S", 0.05)
    async with seated(tmp_path / "rhd.db", repository) as desk:
        with pytest.raises(Refusal) as caught:
            await read_text(desk.service, LONG, PLANNER.reach, lambda _: may_end.wait(10))
        may_end.set()
    assert caught.value.code == "TIMEOUT"
    assert "file system" not in caught.value.message
