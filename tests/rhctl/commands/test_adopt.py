"""`rhctl adopt`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in

KEYS = {
    *("slug", "id", "path", "outcome", "created", "replaced", "commit", "notes", "dry_run", "url", "public_url"),
    *("leftover_secrets", "leftover_endpoint"),
}


async def test_a_dry_run_lists_what_would_be_made_and_makes_nothing(daemon: Running, tmp_path: Path) -> None:
    empty = Repository.make(tmp_path / "empty", artifacts=False)
    said = await type_in("adopt", "empty", "--dry-run")
    assert said.code == 0
    listed = {line.removeprefix("  + ") for line in said.out.splitlines() if line.startswith("  + ")}
    assert {"AGENTS.md", "docs/spec.md", ".repo-harness/mcp.oauth.json"} <= listed
    assert "Next:" not in said.out
    answer = (await type_in("adopt", "empty", "--dry-run", "--json")).json
    assert set(answer) == KEYS
    assert (answer["slug"], answer["id"], answer["url"], answer["dry_run"]) == (None, None, None, True)
    assert set(answer["created"]) == listed
    assert {path.name for path in empty.path.iterdir()} == {".git", "src"}
    assert (await daemon.call("repos"))["repos"] == []


async def test_adopting_says_what_was_made_and_what_comes_next(daemon: Running, tmp_path: Path) -> None:
    Repository.make(tmp_path / "empty", artifacts=False)
    said = await type_in("adopt", "empty/src")  # a folder in it means the repository
    assert said.code == 0
    assert f"{tmp_path}/empty adopted as empty" in said.out
    for next_step in ("rhctl setup chatgpt empty", "rhctl setup codex empty --write", "rhctl status empty"):
        assert next_step in said.out
    again = (await type_in("adopt", "empty", "--json")).json
    assert set(again) == KEYS
    assert (again["outcome"], again["created"], again["slug"]) == ("kept", [], "empty")
    assert again["url"] == f"{daemon.url}/r/empty/mcp"
    assert "was adopted already as empty" in (await type_in("adopt", "empty")).out


async def test_what_the_predecessor_left_is_said(daemon: Running, tmp_path: Path) -> None:
    left = Repository.make(tmp_path / "left", artifacts=False)
    for name, text in (
        ("mcp.oauth.json", '{"passphrase": "old"}'),
        ("mcp.tokens.json", "{}"),
        ("mcp.local.json", '{"chatgpt": {"endpoint": "https://mine.example/mcp"}}'),
    ):
        left.write(f".repo-harness/{name}", text)
    for words in (("--dry-run",), ()):
        said = await type_in("adopt", "left", *words)
        assert "  ~ .repo-harness/mcp.oauth.json (replaced)\n" in said.out
        assert "    .repo-harness/mcp.tokens.json\n" in said.out
        assert "    rhctl endpoint https://mine.example/mcp" in said.out
        assert "Commit these" in said.out


async def test_the_repository_around_the_current_folder_is_meant_if_none_is_named(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.path / "plans")
    assert (await type_in("adopt", "--json")).json["path"] == str(repository.path)


async def test_a_moved_repository_is_taken_up_where_it_now_is(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "moved")
    assert f"taken up where it now is as {slug}" in (await type_in("adopt", "moved")).out
    assert (await daemon.call("repos"))["repos"][0]["path"] == str(tmp_path / "moved")


async def test_a_name_is_taken_as_it_is_or_refused(daemon: Running, repository: Repository, tmp_path: Path) -> None:
    Repository.make(tmp_path / "other")
    assert (await type_in("adopt", "project", "--name", "mine", "--json")).json["slug"] == "mine"
    for name, code in (("mine", "NAME_TAKEN"), ("Not Good", "INVALID_ARGUMENT"), ("", "INVALID_ARGUMENT")):
        said = await type_in("adopt", "other", "--name", name, "--json")
        assert (said.code, said.refusal) == (1, code)
    said = await type_in("adopt", "project", "--name", "another", "--json")
    assert said.refusal == "NAME_TAKEN"


async def test_what_is_never_adopted_is_refused_with_what_to_do(daemon: Running, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    subprocess.run(["git", "init", "-q", "--bare", "bare.git"], cwd=tmp_path, check=True, timeout=30)
    for path, code in (
        ("plain", "NOT_A_REPOSITORY"),
        ("nowhere", "PATH_NOT_FOUND"),
        ("bare.git", "BARE_REPOSITORY"),
        ("/", "FOLDER_REFUSED"),
        ("~", "FOLDER_REFUSED"),
    ):
        said = await type_in("adopt", path, "--json")
        assert (said.code, said.refusal) == (1, code), path
    said = await type_in("adopt", "plain")
    assert said.out == ""
    first, then = said.err.splitlines()
    assert first == f"rhctl: {tmp_path}/plain is not inside a git repository"
    assert then.startswith("  ")


async def test_hostile_names_are_escaped(daemon: Running, tmp_path: Path) -> None:
    Repository.make(tmp_path / HOSTILE)
    (tmp_path / f"{HOSTILE} plain").mkdir()
    said = await type_in("adopt", HOSTILE)
    assert said.code == 0
    assert is_safe(said.out)
    assert r"/evil\x1b[2J\nname\u202e adopted as evil-2j-name" in said.out
    refused = await type_in("adopt", f"{HOSTILE} plain")
    assert refused.code == 1
    assert is_safe(refused.err)


async def test_a_path_that_is_not_utf8_is_refused_in_words(daemon: Running, tmp_path: Path) -> None:
    said = await type_in("adopt", "no-utf8-\udcff", "--json")
    assert (said.code, said.refusal) == (2, "USAGE")
