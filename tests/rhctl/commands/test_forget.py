"""`rhctl forget`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in


async def test_a_forgotten_repository_is_unreachable_and_its_files_stay(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    said = await type_in("forget", slug)
    assert said.code == 0
    assert f"{slug} is forgotten; its files in {repository.path} stay" in said.out
    assert "1 client can no longer reach it" in said.out
    assert repository.read("AGENTS.md") == "# Agents\n"
    for name, code in ((slug, "REPO_NOT_ADOPTED"), (f"{slug}-2", "REPO_NOT_FOUND")):  # a folder of the first is here
        again = await type_in("forget", name, "--json")
        assert (again.code, again.refusal) == (4, code)


async def test_a_path_names_it_even_where_nothing_is_any_more(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "gone")
    answer = (await type_in("forget", "./project", "--json")).json
    assert answer == {"slug": slug, "path": str(repository.path), "clients": 0}


async def test_a_mistyped_name_never_means_the_repository_around(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    monkeypatch.chdir(repository.path)
    for words in (("porject",), ()):
        assert (await type_in("forget", *words)).code in (2, 4)
    assert [r["slug"] for r in (await daemon.call("repos"))["repos"]] == [slug]
    assert (await type_in("forget", ".", "--json")).json["slug"] == slug


async def test_hostile_names_are_escaped(daemon: Running, tmp_path: Path) -> None:
    slug = await daemon.adopt(Repository.make(tmp_path / HOSTILE).path)
    assert is_safe((await type_in("forget", slug)).out)
    said = await type_in("forget", HOSTILE)
    assert said.code == 4
    assert is_safe(said.err)
