"""rhd.workflow.git, against what real git makes, and against what others make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rhd.errors import Detached
from rhd.workflow.git import FoundRepository, GitFacts, find_repository, read_git_facts
from rhd.workflow.root import Root
from tests.support import audit_hook
from tests.support.repositories import Repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by git once: a repository with two linked worktrees, a submodule, a bare one, a separate git folder."""
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        main = Repository.make(home / "main")
        main.git("worktree", "add", "-q", str(home / "linked"), "-b", "feat/größe")
        main.git("worktree", "add", "-q", "--detach", str(home / "detached"))
        inner = Repository.make(home / "inner", artifacts=False)
        main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "vendor/sub")
        subprocess.run(["git", "init", "-q", "--bare", str(home / "bare.git")], check=True, timeout=30)
        (home / "fresh").mkdir()
        subprocess.run(["git", "init", "-q", "-b", "trunk", str(home / "fresh")], check=True, timeout=30)
        separate = [
            "git",
            "init",
            "-q",
            "-b",
            "main",
            "--separate-git-dir",
            str(home / "apart.git"),
            str(home / "apart"),
        ]
        subprocess.run(separate, check=True, timeout=30)
    (home / "way").symlink_to(home)
    return home


def copy(made: Path, target: Path, *ignored: str) -> Path:
    """Copy it to change it; git writes absolute paths into its pointers, so they are rewritten."""
    shutil.copytree(made, target, symlinks=True, ignore=shutil.ignore_patterns("*.sample", *ignored))
    for pointer in [*target.rglob(".git"), *target.rglob("gitdir")]:
        if pointer.is_file():
            pointer.write_text(pointer.read_text().replace(str(made), str(target)))
    for folder in ("main", "linked", "detached", "fresh", "apart", "evil"):
        audit_hook.register(target / folder)
    return target


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy to change: all pointers, no content."""
    no_content = (
        "objects",
        "logs",
        "info",
        "index",
        "description",
        "plans",
        "tasks",
        "docs",
        "src",
        ".ai",
        "*.md",
        "bare*",
    )
    return copy(made, tmp_path / "home", *no_content)


def facts(path: Path) -> GitFacts:
    with Root.open(str(path)) as root:
        return read_git_facts(root)


def git(path: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=path, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


@pytest.mark.parametrize("folder", ["main", "linked", "detached", "main/vendor/sub", "fresh"])
def test_the_facts_are_those_that_git_tells(made: Path, folder: str) -> None:
    found = facts(made / folder)
    assert found.branch == (git(made / folder, "branch", "--show-current") or None)
    assert found.family == os.path.realpath(made / folder / git(made / folder, "rev-parse", "--git-common-dir"))
    assert found.is_worktree == (folder in ("linked", "detached"))


def test_worktrees_of_one_repository_are_one_family(made: Path) -> None:
    main, linked, detached = (facts(made / name) for name in ("main", "linked", "detached"))
    assert main.family == linked.family == detached.family
    assert (linked.branch, detached.branch) == ("feat/größe", None)
    assert facts(made / "main/vendor/sub").family not in (None, main.family)
    assert facts(made / "fresh") == GitFacts("trunk", False, str(made / "fresh/.git"))


def test_a_branch_with_a_long_name_is_a_branch(made: Path, tmp_path: Path) -> None:
    home = copy(made, tmp_path / "home")
    name = "/".join(letter * 246 for letter in "abcd")  # git itself stops at what the file system lets it make
    git(home / "main", "checkout", "-q", "-b", name)
    assert facts(home / "main").branch == name
    git(home / "main", "pack-refs", "--all")
    assert facts(home / "main").branch == name


def test_branches_are_found_packed_and_loose(made: Path, tmp_path: Path) -> None:
    home = copy(made, tmp_path / "home")
    before = facts(home / "linked")
    git(home / "main", "pack-refs", "--all")
    assert not (home / "main/.git/refs/heads/main").exists()
    assert facts(home / "linked") == before


def test_pointers_may_be_relative_as_newer_git_writes_them(home: Path) -> None:
    before = facts(home / "linked")
    (home / "linked/.git").write_text("gitdir: ../main/.git/worktrees/linked\n")
    (home / "main/.git/worktrees/linked/gitdir").write_text("../../../../linked/.git\n")
    assert facts(home / "linked") == before


def test_a_git_folder_that_was_put_apart_does_not_point_back_and_is_not_believed(home: Path) -> None:
    assert facts(home / "apart") == GitFacts()
    assert find_repository(str(home / "apart")).kind == "work tree"


UNBELIEVED = {
    "names another repository's git folder": lambda h: (h / "evil/.git").write_text(f"gitdir: {h}/main/.git\n"),
    "names another's worktree": lambda h: (h / "evil/.git").write_text(f"gitdir: {h}/main/.git/worktrees/linked\n"),
    "names another's submodule": lambda h: (h / "evil/.git").write_text(f"gitdir: {h}/main/.git/modules/vendor/sub\n"),
    "names a folder with nothing in it": lambda h: (h / "evil/.git").write_text("gitdir: /\n"),
    "names nothing that exists": lambda h: (h / "evil/.git").write_text("gitdir: /nowhere/at/all\n"),
    "names a file": lambda h: (h / "evil/.git").write_text("gitdir: /etc/passwd\n"),
    "names itself": lambda h: (h / "evil/.git").write_text("gitdir: .git\n"),
    "names a NUL": lambda h: (h / "evil/.git").write_bytes(b"gitdir: /tmp\0/x\n"),
    "names a command": lambda h: (h / "evil/.git").write_text("gitdir: $(touch owned)|`touch owned`;touch owned\n"),
    "names an option": lambda h: (h / "evil/.git").write_text("gitdir: --upload-pack=touch owned\n"),
    "names a URL": lambda h: (h / "evil/.git").write_text("gitdir: ext::sh -c touch% owned\n"),
    "is no pointer": lambda h: (h / "evil/.git").write_text("something else\n"),
    "is empty": lambda h: (h / "evil/.git").write_text(""),
    "is binary": lambda h: (h / "evil/.git").write_bytes(os.urandom(200)),
    "is huge": lambda h: (h / "evil/.git").write_text("gitdir: " + "x" * 100_000),
    "is a pipe": lambda h: os.mkfifo(h / "evil/.git"),
    "is a link": lambda h: (h / "evil/.git").symlink_to(h / "main/.git"),
    "is an empty folder": lambda h: (h / "evil/.git").mkdir(),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("how", UNBELIEVED)
def test_a_git_file_that_nothing_points_back_to_tells_nothing(home: Path, how: str) -> None:
    (home / "evil").mkdir()
    UNBELIEVED[how](home)
    assert facts(home / "evil") == GitFacts()
    assert not list(home.rglob("owned"))


def test_a_made_up_worktree_cannot_claim_another_repositorys_family(home: Path) -> None:
    """It points back, but only git puts a folder among the shared folder's worktrees."""
    evil = home / "evil"
    (evil / "fake").mkdir(parents=True)
    (evil / ".git").write_text("gitdir: fake\n")
    (evil / "fake/gitdir").write_text(f"{evil}/.git\n")
    (evil / "fake/commondir").write_text(f"{home}/main/.git\n")
    (evil / "fake/HEAD").write_text("ref: refs/heads/main\n")
    assert facts(evil) == GitFacts()


def test_a_made_up_submodule_tells_only_its_own_lies(home: Path) -> None:
    evil = home / "evil"
    (evil / "fake").mkdir(parents=True)
    (evil / ".git").write_text("gitdir: fake\n")
    (evil / "fake/config").write_text(f"[core]\n\tworktree = {evil}\n")
    (evil / "fake/HEAD").write_text("ref: refs/heads/main\n")
    (evil / "fake/refs").symlink_to(home / "main/.git/refs")
    assert facts(evil) == GitFacts("main", False, f"{evil}/fake")


@pytest.mark.parametrize(
    ("config", "believed"),
    [
        ("[core]\nworktree = {evil}\n", True),
        ("[core]\n\tbare = false\n\tWorkTree=\"{evil}\" ; comment\n", True),
        ("[CORE] worktree = {evil}\n", True),
        ("[core]\nworktree = /elsewhere\nworktree = {evil}\n", True),
        ("[core]\nworktree = ..\n", True),
        ("[remote \"core\"]\nworktree = {evil}\n", False),
        ("[core \"sub\"]\nworktree = {evil}\n", False),
        ("worktree = {evil}\n", False),
        ("# [core]\n# worktree = {evil}\n", False),
        ("[core]\nworktree =\n", False),
        ("", False),
    ],
)  # fmt: skip
def test_core_worktree_is_read_as_git_reads_it(home: Path, config: str, believed: bool) -> None:
    evil = home / "evil"
    (evil / "fake").mkdir(parents=True)
    (evil / ".git").write_text("gitdir: fake\n")
    (evil / "fake/config").write_text(config.format(evil=evil))
    (evil / "fake/HEAD").write_text("ref: refs/heads/main\n")
    assert (facts(evil).branch == "main") == believed


@pytest.mark.parametrize(
    "head",
    [
        b"ref: refs/heads/../../../secret",
        b"ref: refs/heads/a/../b",
        b"ref: refs/heads//a",
        b"ref: refs/heads/",
        b"ref: refs/heads/a b",
        b"ref: refs/heads/\x1b[31mred",
        b"ref: refs/heads/\xff",
        b"ref: refs/heads/.invalid",
        b"ref: refs/heads/" + b"x" * 300,
        b"ref: refs/remotes/origin/main",
        b"ref: ../../../etc/passwd",
        b"ref: /etc/passwd",
        b"--output=/tmp/owned",
        b"0123",
        b"",
    ],
)
def test_a_head_that_git_would_not_write_names_no_branch(home: Path, head: bytes) -> None:
    (home / "secret").write_text("0" * 40)
    (home / "main/.git/HEAD").write_bytes(head + b"\n")
    assert facts(home / "main").branch is None


def test_a_moved_repository_has_no_facts(home: Path) -> None:
    with Root.open(str(home / "main")) as root:
        (home / "main").rename(home / "moved")
        with pytest.raises(Detached):
            read_git_facts(root)


@pytest.mark.parametrize(
    ("path", "kind", "top"),
    [
        ("main", "work tree", "main"),
        ("main/plans/prds", "work tree", "main"),
        ("main/src", "work tree", "main"),
        ("linked", "linked worktree", "linked"),
        ("linked/plans", "linked worktree", "linked"),
        ("main/vendor/sub", "submodule", "main/vendor/sub"),
        ("main/vendor/sub/src", "submodule", "main/vendor/sub"),
        ("main/vendor", "work tree", "main"),
        ("bare.git", "bare", "bare.git"),
        ("bare.git/refs/heads", "bare", "bare.git"),
        ("main/.git", "bare", "main/.git"),
        ("main/.git/hooks", "bare", "main/.git"),
        ("fresh", "work tree", "fresh"),
        ("way/main/plans", "work tree", "main"),
        ("way/main/", "work tree", "main"),
    ],
)
def test_the_repository_around_a_folder_is_found_and_told_apart(made: Path, path: str, kind: str, top: str) -> None:
    found = find_repository(f"{made}/{path}")
    expected = os.stat(made / top)
    assert found == FoundRepository(kind, str(made / top), expected.st_uid, (expected.st_dev, expected.st_ino))  # type: ignore[arg-type]


def test_where_no_repository_is_none_is_found(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for folder in ("", "empty/.git", "HEAD-only"):
        (plain / folder).mkdir(parents=True, exist_ok=True)
    (plain / "HEAD-only/HEAD").write_text("ref: refs/heads/main\n")
    (plain / "broken").mkdir()
    (plain / "broken/.git").write_text("gitdir: /nowhere/at/all\n")
    for path in (plain, plain / "empty", plain / "HEAD-only", plain / "broken", plain / "none/at/all", Path("/")):
        assert find_repository(str(path)) == FoundRepository("none")
    for text in ("", ".", "plain", "\0", "/\0", "~"):
        assert find_repository(text) == FoundRepository("none")


@pytest.mark.parametrize("how", ["hooks", "config"])
def test_nothing_that_a_repository_sets_up_is_run(home: Path, how: str) -> None:
    main = home / "main"
    if how == "hooks":
        for name in ("post-checkout", "reference-transaction", "fsmonitor-watchman", "post-index-change"):
            hook = main / ".git/hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {home}/owned\n")
            hook.chmod(0o755)
    else:
        commands = "\n".join(f"\t{key} = touch {home}/owned" for key in ("fsmonitor", "pager", "editor", "sshCommand"))
        (main / ".git/config").write_text(
            f"[core]\n{commands}\n[include]\n\tpath = /etc/passwd\n[alias]\n\tst = !touch {home}/owned\n"
        )
    started: list[Any] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "os.system"):
            started.append(arguments)

    watching = True
    sys.addaudithook(watch)
    facts(main)
    find_repository(str(main / "plans"))
    watching = False
    assert started == []
    assert not (home / "owned").exists()
