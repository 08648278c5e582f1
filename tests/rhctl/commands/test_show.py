"""`rhctl show`."""

from __future__ import annotations

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in


async def test_an_artifact_is_printed_whole(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "# Notes\n\n\tindented \x1b[2J\n" + "line\n" * 20_000
    repository.write("tasks/notes/a.md", text)
    slug = await daemon.adopt(repository.path)
    said = await type_in("show", "--repo", slug, "tasks/notes/a.md")
    assert (said.code, said.out) == (0, text.replace("\x1b", "\\x1b"))
    monkeypatch.chdir(repository.path / "tasks/notes")
    said = await type_in("show", "a.md", "--json")
    assert said.json == {"slug": slug, "path": "tasks/notes/a.md", "content": text, "redactions": {}}


async def test_what_is_no_artifact_is_refused(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("show", "--repo", slug, "src/index.py", "--json")).refusal == "NOT_FOUND"
