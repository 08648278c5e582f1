"""Which files git tracks, against git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rhd.errors import Refusal
from rhd.repos.git_index import tracks
from rhd.workflow.root import Root
from tests.support.repositories import Repository


def answers(path: Path, *names: str) -> list[bool]:
    with Root.open(str(path)) as root:
        return [tracks(root, name) for name in names]


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("is_split", [False, True])
def test_every_kind_of_index_is_read(tmp_path: Path, hash_name: str, version: int, is_split: bool) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tmp_path, check=True, timeout=30, capture_output=True)

    git("init", "-q", f"--object-format={hash_name}")
    names = [
        "a",
        "a/b" * 40,
        ".repo-harness/id",
        ".repo-harness2",
        "/".join(["z" * 100] * 4),
        "é/ü",
        *(f"many/{n}" for n in range(200)),
    ]
    for name in names[1:]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    git("add", "-A")
    if version == 3:
        (tmp_path / "intended").write_text("x")
        git("add", "-N", "intended")
    else:
        git("update-index", "--index-version", str(version))
    if is_split:
        git("update-index", "--split-index")
        (tmp_path / "later").write_text("x")
        git("add", "later")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=tmp_path, check=True, capture_output=True, timeout=30
    ).stdout
    for name in tracked.decode().split("\0")[:-1]:
        assert answers(tmp_path, name) == [True], name
    assert (
        answers(tmp_path, ".repo-harness/mcp.oauth.json", ".repo-harness", "many", "late", "many/2000") == [False] * 5
    )


def test_a_repository_without_an_index_tracks_nothing(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    assert answers(tmp_path, "a") == [False]


def test_a_folder_that_git_tracks_as_one_thing_covers_what_lies_in_it(tmp_path: Path) -> None:
    outer = Repository.make(tmp_path / "outer")
    lib = Repository.make(tmp_path / "lib")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lib.path), ".repo-harness")
    assert answers(outer.path, ".repo-harness/id", ".repo-harness2/id") == [True, False]


@pytest.mark.parametrize("damage", [b"", b"DIRC", b"DIRC\0\0\0\7\0\0\0\0", b"DIRC\0\0\0\2\0\0\xff\xff" + b"x" * 50])
def test_an_index_that_cannot_be_read_is_no_answer(tmp_path: Path, damage: bytes) -> None:
    repository = Repository.make(tmp_path / "app")
    (repository.path / ".git" / "index").write_bytes(damage)
    with pytest.raises(Refusal) as caught:
        answers(repository.path, "a")
    assert caught.value.code == "READ_FAILED"
