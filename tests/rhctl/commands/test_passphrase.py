"""`rhctl passphrase`: the copy, if it is the right one; and a new one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rhctl.commands.passphrase import read_copy
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in

COPY = ".repo-harness/mcp.oauth.json"


async def test_it_is_shown_alone_so_that_it_can_be_piped(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    right = daemon.passphrase(repository.path)
    monkeypatch.chdir(repository.path / "plans")
    assert (await type_in("passphrase", "show")).out == f"{right}\n"
    assert (await type_in("passphrase", "show", slug, "--json")).json == {
        "slug": slug,
        "path": str(repository.path),
        "passphrase": right,
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no passphrase in"),
        ("", "there is no passphrase in"),
        ("[]", "there is no passphrase in"),
        ('{"passphrase": 7}', "there is no passphrase in"),
        ('{"version": 1, "passphrase": "another"}', "is not the passphrase any more"),
    ],
)
async def test_a_copy_that_is_gone_or_wrong_is_never_shown_as_right(
    daemon: Running, repository: Repository, content: str | None, words: str
) -> None:
    slug = await daemon.adopt(repository.path)
    copy = repository.path / COPY
    if content is None:
        copy.unlink()
    else:
        copy.write_text(content)
    said = await type_in("passphrase", "show", slug, "--json")
    assert (said.code, said.refusal) == (1, "NOT_FOUND")
    assert words in said.json["error"]["message"]
    assert said.json["error"]["next_step"] == f"Make a new one with: rhctl passphrase rotate {slug}"
    assert "another" not in said.out


async def test_of_a_folder_that_is_not_there_no_new_passphrase_is_advised(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "moved")
    for is_in_its_place in (False, True):  # before the daemon has noticed; and once something else stands there
        if is_in_its_place:
            repository.path.mkdir()
            await daemon.until_state(slug, "detached")
        said = await type_in("passphrase", "show", slug, "--json")
        assert (said.code, said.refusal) == (1, "REPO_DETACHED")
        assert str(repository.path) in said.json["error"]["message"]
        assert "rotate" not in said.json["error"]["next_step"]
        assert f"rhctl forget {slug}" in said.json["error"]["next_step"]


def test_only_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(json.dumps({"passphrase": "x"}))
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    assert read_copy(str(tmp_path), "real") == "x"
    for name in ("link", "pipe", ".", "nothing"):
        assert read_copy(str(tmp_path), name) is None


async def test_rotating_says_what_ended_by_it(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    before = daemon.passphrase(repository.path)
    said = await type_in("passphrase", "rotate", slug)
    first, *rest = said.out.splitlines()
    assert first == daemon.passphrase(repository.path) != before
    assert "1 client must log in again" in "\n".join(rest)
    assert "no client was connected" in (await type_in("passphrase", "rotate", slug)).out
    answer = (await type_in("passphrase", "rotate", slug, "--keep-sessions", "--json")).json
    assert (answer["dropped"], answer["ended"], answer["passphrase"]) == (False, 0, daemon.passphrase(repository.path))


async def test_a_copy_that_could_not_be_written_is_told_beside_the_new_one(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    (repository.path / COPY).unlink()
    (repository.path / COPY).mkdir()
    said = await type_in("passphrase", "rotate", slug)
    assert said.code == 0
    assert "its copy could not be written" in said.out


async def test_contradictory_or_unknown_words_change_nothing(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    before = daemon.passphrase(repository.path)
    for words in (("rotate", slug, "--keep-sessions", "--drop-sessions"), ("print", slug), ()):
        assert (await type_in("passphrase", *words)).code == 2
    said = await type_in("passphrase", "rotate", "nothing")
    assert said.code == 4
    assert daemon.passphrase(repository.path) == before


async def test_hostile_names_are_escaped(daemon: Running, tmp_path: Path) -> None:
    slug = await daemon.adopt(Repository.make(tmp_path / HOSTILE).path)
    (tmp_path / HOSTILE / COPY).unlink()
    said = await type_in("passphrase", "show", slug)
    assert is_safe(said.err)
