"""`rhctl repos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, plain, type_at, type_in


async def test_none_is_adopted_at_first_and_what_to_do_is_said(daemon: Running) -> None:
    said = await type_in("repos")
    assert said.out.splitlines()[0] == "no repository is adopted"
    assert "rhctl adopt PATH" in said.out
    assert (await type_in("repos", "--json")).json == {"repos": []}


async def test_the_list_is_sorted_complete_and_escaped(daemon: Running, repository: Repository, tmp_path: Path) -> None:
    one = await daemon.adopt(repository.path)
    two = await daemon.adopt(Repository.make(tmp_path / HOSTILE).path)
    first, second = (await type_in("repos", "--json")).json["repos"]
    assert set(first) == set(second) == {"slug", "name", "id", "path", "adopted_at"}
    assert (first["slug"], second["slug"]) == (two, one)
    assert (first["name"], first["path"]) == (HOSTILE, str(tmp_path / HOSTILE))
    said = await type_in("repos")
    assert is_safe(said.out)
    titles, hostile, plain = said.out.splitlines()
    assert titles.split() == ["REPO", "PATH", "ADOPTED"]
    assert hostile.index(r"/evil\x1b") > 0
    assert plain.index(str(tmp_path)) == hostile.index(str(tmp_path)) == titles.index("PATH")


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
async def test_in_a_terminal_it_fits(daemon: Running, tmp_path: Path, columns: int, color: str) -> None:
    path = tmp_path / "a-folder-with-a-name-that-is-longer-than-any-terminal-of-eighty-columns/project"
    await daemon.adopt(Repository.make(path).path)
    seen = await type_at(columns, "repos", color=color)
    assert ("\x1b[" in seen) == (color == "always")
    lines = plain(seen).splitlines()
    assert max(map(len, lines)) <= columns
    assert "/project" in plain(seen)
    assert lines[-1] == "1 repository"
