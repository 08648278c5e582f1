from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.errors import Refusal
from rhd.ids import RepoId, Slug
from rhd.repos import adoption, path_threads
from rhd.repos.passphrase_copy import write_copy
from rhd.repos.registry import digest_passphrase
from rhd.workflow.git import FoundRepository
from rhd.workflow.root import Root
from tests.support.repositories import Repository
from tests.support.running_repos import Rooms, running_rooms
from tests.support.waiting import until

OURS = {".repo-harness/.gitignore", ".repo-harness/id", ".repo-harness/mcp.oauth.json"}


def tree(path: Path) -> dict[str, str]:
    """Return every file but git's own with its text."""
    files = [p for p in path.rglob("*") if p.is_file() and ".git" not in p.relative_to(path).parts]
    return {str(p.relative_to(path)): p.read_text() for p in files}


async def refused(rooms: Rooms, path: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await rooms.adopter.adopt(str(path))
    assert caught.value.message
    assert caught.value.next_step
    return caught.value


async def test_an_empty_repository_gets_what_is_missing_and_its_passphrase(tmp_path: Path) -> None:
    plain = Repository.make(tmp_path / "My App", artifacts=False)
    plain.write("AGENTS.md", "my own rules\n")
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(plain)
        assert done.repo is not None
        assert (done.repo.slug, done.outcome, done.path) == ("my-app", "adopted", str(plain.path))
        after = tree(plain.path)
        assert after["AGENTS.md"] == "my own rules\n"
        assert set(done.created) | {"AGENTS.md", "src/index.py"} == set(after)
        assert {"docs/spec.md", "tasks/current.md", ".ai/harness/policy.json", ".ai/harness/handoff/resume.md"} <= set(
            after
        )
        for folder in ("plans/prds", "plans/sprints", "plans/archive", "tasks/contracts", ".ai/harness/checks"):
            assert (plain.path / folder).is_dir()
        passphrase = json.loads(after[".repo-harness/mcp.oauth.json"])
        assert passphrase["version"] == 1
        assert len(passphrase["passphrase"]) >= 22
        assert done.repo.passphrase == digest_passphrase(passphrase["passphrase"])
        assert rooms.registry.profiles(done.repo.id) == {"planner"}
        assert plain.git("status", "--porcelain", "--ignored=no", ".repo-harness") == ""
    for name, mode in ((".repo-harness", 0o700), (".repo-harness/id", 0o600), (".repo-harness/mcp.oauth.json", 0o600)):
        assert stat.S_IMODE((plain.path / name).stat().st_mode) == mode


async def test_a_repository_that_has_a_workflow_is_taken_as_it_is(tmp_path: Path, repository: Repository) -> None:
    before = tree(repository.path)
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
    after = tree(repository.path)
    assert {k: v for k, v in after.items() if k in before} == before
    assert set(after) - set(before) == OURS == set(done.created)


async def test_a_passphrase_that_the_predecessor_left_is_replaced_and_that_is_said(
    tmp_path: Path, repository: Repository
) -> None:
    old = repository.write(".repo-harness/mcp.oauth.json", '{"version":1,"passphrase":"old"}')
    old.chmod(0o644)
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert any("replaced" in note for note in done.notes)
        assert rooms.registry.by_passphrase("old") is None
        assert rooms.registry.by_passphrase(json.loads(old.read_text())["passphrase"]) is not None
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


async def test_a_dry_run_lists_and_changes_nothing(tmp_path: Path) -> None:
    plain = Repository.make(tmp_path / "app", artifacts=False)
    before = tree(plain.path)
    async with running_rooms(tmp_path / "db") as rooms:
        would = await rooms.adopter.adopt(str(plain.path), is_dry_run=True)
        assert would.repo is None
        assert tree(plain.path) == before
        assert list(rooms.registry) == []
        done = await rooms.adopt(plain)
        assert set(would.created) == set(done.created)


async def test_a_subfolder_means_its_repository(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopter.adopt(str(repository.path / "plans" / "prds"))
        assert done.path == str(repository.path)


async def test_cve_2025_68143_what_is_never_adopted_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Repository.make(tmp_path / "a-home")
    monkeypatch.setenv("HOME", str(home.path))
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True, timeout=30)
    (tmp_path / "plain").mkdir()
    async with running_rooms(tmp_path / "db") as rooms:
        assert (await refused(rooms, home.path)).code == "FOLDER_REFUSED"
        assert (await refused(rooms, home.path / "plans")).code == "FOLDER_REFUSED"
        assert (await refused(rooms, bare)).code == "BARE_REPOSITORY"
        assert (await refused(rooms, tmp_path / "plain")).code == "NOT_A_REPOSITORY"
        assert (await refused(rooms, Path("/"))).code == "FOLDER_REFUSED"
        assert list(rooms.registry) == []


async def test_nobody_is_told_to_make_a_repository_of_what_would_be_refused_or_is_not_there(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(Path.home())
    async with running_rooms(tmp_path / "db") as rooms:
        for folder in (Path("/"), Path.home(), link):
            assert (await refused(rooms, folder)).code == "FOLDER_REFUSED"
        refusal = await refused(rooms, tmp_path / "db")
        assert (refusal.code, "no folder" in refusal.message) == ("NOT_A_REPOSITORY", True)
        assert "git init" not in refusal.next_step


@pytest.mark.parametrize("typed", ["nowhere", "app/nowhere", "app/plans/prds/none.md", "app/~"])
async def test_a_path_that_does_not_exist_never_means_the_repository_around_it(tmp_path: Path, typed: str) -> None:
    plain = Repository.make(tmp_path / "app", artifacts=False)
    async with running_rooms(tmp_path / "db") as rooms:
        assert (await refused(rooms, tmp_path / typed)).code == "PATH_NOT_FOUND"
        assert list(rooms.registry) == []
    assert not (plain.path / ".repo-harness").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user's")
async def test_another_users_repository_is_refused(tmp_path: Path, repository: Repository) -> None:
    os.chown(repository.path, 65534, 65534)
    async with running_rooms(tmp_path / "db") as rooms:
        assert (await refused(rooms, repository.path)).code == "FOLDER_REFUSED"


async def test_a_linked_worktree_and_a_submodule_are_repositories_of_their_own(
    tmp_path: Path, repository: Repository
) -> None:
    repository.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "wt"))
    lib = Repository.make(tmp_path / "lib")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lib.path), "lib")
    async with running_rooms(tmp_path / "db") as rooms:
        main, tree_, sub = [await rooms.adopt(p) for p in (repository.path, tmp_path / "wt", repository.path / "lib")]
        assert len({d.repo.id for d in (main, tree_, sub) if d.repo}) == 3
        assert rooms.service(main).family == rooms.service(tree_).family is not None
        assert rooms.service(sub).family != rooms.service(main).family


async def test_adopting_again_keeps_everything(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        before = tree(repository.path)
        again = await rooms.adopt(repository)
        assert (again.outcome, again.repo, again.created) == ("kept", first.repo, ())
        assert tree(repository.path) == before
        with pytest.raises(Refusal) as caught:
            await rooms.adopter.adopt(str(repository.path), slug=Slug("other"))
        assert caught.value.code == "NAME_TAKEN"
        assert caught.value.next_step.endswith("to rename it: rhctl forget project, then rhctl adopt --name other")


async def test_a_moved_repository_is_taken_up_again_under_its_id(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        moved = tmp_path / "elsewhere"
        repository.path.rename(moved)
        again = await rooms.adopt(moved)
        assert again.outcome == "moved"
        assert again.repo is not None
        assert first.repo is not None
        assert (again.repo.id, again.repo.slug, again.repo.path) == (first.repo.id, first.repo.slug, str(moved))
        assert rooms.service(again).state == "ok"


async def worktree(repository: Repository, to: Path) -> None:
    """A linked worktree that the id was copied into."""
    repository.git("worktree", "add", "-q", "-b", "other", str(to))
    shutil.copytree(repository.path / ".repo-harness", to / ".repo-harness")


async def submodule(repository: Repository, to: Path) -> None:
    """A submodule of another repository that the id was copied into."""
    outer = Repository.make(to.parent / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository.path), "lib")
    (outer.path / "lib").rename(to)
    (to / ".git").write_text(f"gitdir: {outer.path}/.git/modules/lib\n")
    shutil.copytree(repository.path / ".repo-harness", to / ".repo-harness")


async def copy(repository: Repository, to: Path) -> None:
    """A copy with everything, as `cp -a` makes it."""
    subprocess.run(["cp", "-a", str(repository.path), str(to)], check=True, timeout=30)


async def tarball(repository: Repository, to: Path) -> None:
    """Another user's repository that came as a tarball, with the id in it."""
    Repository.make(to)
    shutil.copytree(repository.path / ".repo-harness", to / ".repo-harness")


async def split_index(repository: Repository, to: Path) -> None:
    """A clone that tracks the id, with a split index."""
    repository.git("add", "-f", ".repo-harness/id", ".repo-harness/.gitignore")
    repository.git("commit", "-qm", "id")
    subprocess.run(["git", "clone", "-q", str(repository.path), str(to)], check=True, timeout=30)
    subprocess.run(["git", "update-index", "--split-index"], cwd=to, check=True, timeout=30)
    (to / ".repo-harness" / "id").chmod(0o600)


@pytest.mark.parametrize("way", [worktree, submodule, copy, tarball, split_index])
@pytest.mark.parametrize("is_gone", [False, True], ids=["the original stands", "the original is gone"])
async def test_a_copied_id_gives_no_access_to_the_originals_grants(
    tmp_path: Path, repository: Repository, way: Callable[[Repository, Path], Awaitable[None]], is_gone: bool
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        assert first.repo is not None
        await way(repository, tmp_path / "copied")
        if is_gone:  # but for its git folder, which a worktree needs
            repository.path.rename(tmp_path / "unmounted")
            repository.path.mkdir()
            (repository.path / ".git").symlink_to(tmp_path / "unmounted" / ".git")
        done = await rooms.adopt(tmp_path / "copied")
        assert done.repo is not None
        assert (done.outcome, done.repo.id == first.repo.id) == ("adopted", False)
        assert (tmp_path / "copied" / ".repo-harness" / "id").read_text().strip() == done.repo.id
        assert any(f"rhctl adopt --as {first.repo.slug}" in note for note in done.notes), "it says what it looks like"
        assert rooms.registry.get(first.repo.id) == first.repo


async def test_a_folder_that_was_made_where_the_adopted_one_was_deleted_is_not_believed(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system gives the number of a deleted folder to the next one that is made."""
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        assert first.repo is not None
        other = Repository.make(tmp_path / "other")
        shutil.copytree(repository.path / ".repo-harness", other.path / ".repo-harness")
        shutil.rmtree(repository.path)
        facts = other.path.stat()
        await rooms.registry.move(first.repo.id, first.repo.path, (facts.st_dev, facts.st_ino))
        done = await rooms.adopt(other)
        assert done.repo is not None
        assert done.repo.id != first.repo.id


async def test_the_owner_says_which_repository_was_restored_elsewhere(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        assert first.repo is not None
        restored = tmp_path / "restored"
        await copy(repository, restored)
        with pytest.raises(Refusal) as caught:
            await rooms.adopter.adopt(str(restored), take_up=first.repo.slug)
        assert (caught.value.code, str(repository.path) in caught.value.message) == ("NAME_TAKEN", True)
        shutil.rmtree(repository.path)
        done = await rooms.adopter.adopt(str(restored), take_up=first.repo.slug)
        assert done.repo is not None
        assert (done.outcome, done.repo.id, done.repo.path) == ("moved", first.repo.id, str(restored))
        facts = restored.stat()
        assert done.repo.identity == (facts.st_dev, facts.st_ino)
        again = await rooms.adopter.adopt(str(restored), take_up=first.repo.slug)
        assert again.outcome == "kept"


async def test_taking_up_is_refused_where_it_would_mix_two_repositories(tmp_path: Path, repository: Repository) -> None:
    other = Repository.make(tmp_path / "other")
    async with running_rooms(tmp_path / "db") as rooms:
        first, second = await rooms.adopt(repository), await rooms.adopt(other)
        assert first.repo is not None
        assert second.repo is not None
        shutil.rmtree(repository.path)
        for slug, code in ((first.repo.slug, "NAME_TAKEN"), (Slug("nothing"), "REPO_NOT_FOUND")):
            with pytest.raises(Refusal) as caught:
                await rooms.adopter.adopt(str(other.path), take_up=slug)
            assert caught.value.code == code
        assert rooms.registry.get(second.repo.id) == second.repo


@pytest.mark.parametrize("how", ["whole", "the folder", "split index", "version 4", "worktree", "submodule"])
async def test_a_repository_that_tracks_the_passphrase_is_refused_before_it_is_written(
    tmp_path: Path, repository: Repository, how: str
) -> None:
    """A tracked copy is in `git add -A`, whatever is ignored."""
    secret = ".repo-harness/mcp.oauth.json"
    target = repository.path
    repository.write(secret, "{}")
    repository.git("add", "-f", secret)
    repository.git("commit", "-qm", "track")
    if how == "the folder":
        repository.git("rm", "-rq", "--cached", ".repo-harness")
        shutil.rmtree(repository.path / ".repo-harness")
        lib = Repository.make(tmp_path / "lib")
        repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lib.path), ".repo-harness")
    elif how == "split index":
        repository.git("update-index", "--split-index")
    elif how == "version 4":
        repository.git("update-index", "--index-version", "4")
    elif how == "worktree":
        target = tmp_path / "wt"
        repository.git("worktree", "add", "-q", "-b", "other", str(target))
    elif how == "submodule":
        outer = Repository.make(tmp_path / "outer")
        outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository.path), "lib")
        target = outer.path / "lib"
    before = tree(target)
    async with running_rooms(tmp_path / "db") as rooms:
        told = await refused(rooms, target)
        assert (told.code, "git rm --cached" in told.next_step) == ("SECRET_TRACKED", True)
        assert list(rooms.registry) == []
    assert tree(target) == before


@pytest.mark.parametrize("text", ["", "!mcp.oauth.json\n", "*\n!mcp.oauth.json\n", "id\n"])
@pytest.mark.parametrize("is_tracked", [False, True])
async def test_an_ignore_file_of_the_repositorys_own_is_replaced(
    tmp_path: Path, repository: Repository, text: str, is_tracked: bool
) -> None:
    ignore = repository.write(".repo-harness/.gitignore", text)
    ignore.parent.chmod(0o777)
    if is_tracked:
        repository.git("add", "-f", ".repo-harness/.gitignore")
        repository.git("commit", "-qm", "ignore")
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert done.repo is not None
        assert any(".gitignore was not ours" in note for note in done.notes)
        assert ignore.read_text() == "*\n"
        assert stat.S_IMODE(ignore.parent.stat().st_mode) == 0o700
        repository.git("add", "-A")
        assert "mcp.oauth.json" not in repository.git("diff", "--cached", "--name-only")
        # It comes back with a checkout, and the next rotation cures it again.
        ignore.write_text(text)
        assert await write_copy(rooms.services, done.repo.id, "next") is None
        assert ignore.read_text() == "*\n"


async def test_a_copy_that_came_to_be_tracked_is_not_written_again(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert done.repo is not None
        before = (repository.path / ".repo-harness" / "mcp.oauth.json").read_text()
        repository.git("add", "-f", ".repo-harness/mcp.oauth.json")
        problem = await write_copy(rooms.services, done.repo.id, "next")
        assert problem is not None
        assert problem.code == "SECRET_TRACKED"
        assert (repository.path / ".repo-harness" / "mcp.oauth.json").read_text() == before


@pytest.mark.parametrize("how", ["known to no one", "nonsense"])
async def test_an_id_of_no_adopted_repository_is_replaced(tmp_path: Path, repository: Repository, how: str) -> None:
    identity = repository.write(".repo-harness/id", f"{RepoId.new()}\n" if how == "known to no one" else "rh_x\n")
    before = identity.read_text()
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert done.repo is not None
        assert identity.read_text().strip() == done.repo.id != before.strip()
        assert stat.S_IMODE(identity.stat().st_mode) == 0o600


async def test_an_id_that_a_clean_took_away_is_put_back(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        assert first.repo is not None
        repository.git("clean", "-fdxq")
        assert not (repository.path / ".repo-harness").exists()
        again = await rooms.adopt(repository)
        assert again.repo == first.repo
        assert (repository.path / ".repo-harness" / "id").read_text().strip() == first.repo.id
        assert any("passphrase rotate" in note for note in again.notes)


async def test_another_repository_in_the_place_of_one_is_never_taken_for_it(
    tmp_path: Path, repository: Repository
) -> None:
    other = Repository.make(tmp_path / "other")
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
        await rooms.adopt(other)
        repository.path.rename(tmp_path / "away")
        other.path.rename(repository.path)
        refusal = await refused(rooms, repository.path)
        assert "forget" in refusal.next_step


async def test_a_folder_that_was_replaced_in_its_place_is_kept_and_that_is_said(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        repository.path.rename(tmp_path / "away")
        subprocess.run(["git", "clone", "-q", str(tmp_path / "away"), str(repository.path)], check=True, timeout=30)
        again = await rooms.adopt(repository)
        assert first.repo is not None
        assert again.repo is not None
        assert (again.outcome, again.repo.id) == ("kept", first.repo.id)
        assert any("was replaced" in note for note in again.notes)
        facts = repository.path.stat()
        assert again.repo.identity == (facts.st_dev, facts.st_ino)


async def test_an_adopted_repository_whose_id_was_overwritten_gets_it_back(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        (repository.path / ".repo-harness" / "id").write_text(RepoId.new() + "\n")
        again = await rooms.adopt(repository)
        assert first.repo is not None
        assert (again.outcome, again.repo) == ("kept", first.repo)
        assert (repository.path / ".repo-harness" / "id").read_text().strip() == first.repo.id


async def test_adopting_again_after_forgetting_gives_a_new_id(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        first = await rooms.adopt(repository)
        assert first.repo is not None
        await rooms.registry.forget(first.repo.id)
        again = await rooms.adopt(repository)
        assert again.repo is not None
        assert (again.repo.id == first.repo.id, again.repo.slug) == (False, first.repo.slug)
        assert again.repo.passphrase != first.repo.passphrase


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("closed", ["above/app", "above/app/.git", "above"])
async def test_a_repository_that_may_not_be_looked_at_is_not_taken_for_none(tmp_path: Path, closed: str) -> None:
    plain = Repository.make(tmp_path / "above" / "app", artifacts=False)
    (tmp_path / closed).chmod(0)
    async with running_rooms(tmp_path / "db") as rooms:
        told = await refused(rooms, plain.path)
    (tmp_path / closed).chmod(0o700)
    assert told.code == "READ_FAILED"
    assert told.message.startswith(f"{plain.path} cannot be read: ")
    assert "denied" in told.message
    assert "git init" not in told.next_step


@pytest.mark.parametrize(("way", "code"), [("open", "REPO_BROKEN"), ("read", "READ_FAILED")])
async def test_what_the_system_does_not_let_us_read_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, code: str
) -> None:
    def deny(*_: object, **__: object) -> Root:
        raise Refusal("the folder cannot be opened", code=code, details={"reason": "permission"})

    (tmp_path / "app").mkdir()
    async with running_rooms(tmp_path / "db") as rooms:
        monkeypatch.setattr("rhd.repos.adoption.find_repository", lambda path: FoundRepository("none"))
        monkeypatch.setattr(Root, way, deny)
        told = await refused(rooms, tmp_path / "app")
        assert (told.code, told.message) == ("READ_FAILED", f"{tmp_path}/app cannot be read: permission is denied")


async def test_a_read_only_repository_is_refused_and_left_alone(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    plain = Repository.make(tmp_path / "app", artifacts=False)
    plain.path.chmod(0o500)
    async with running_rooms(tmp_path / "db") as rooms:
        assert (await refused(rooms, plain.path)).code == "WRITE_FAILED"
        assert list(rooms.registry) == []


async def test_a_path_that_hangs_holds_up_no_other_and_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_threads, "ANSWER_WITHIN_S", 0.3)
    monkeypatch.setattr(adoption, "ANSWER_WITHIN_S", 0.3)
    dead, alive = Repository.make(tmp_path / "dead"), Repository.make(tmp_path / "alive")
    go_on, survey, fill = threading.Event(), adoption._survey, adoption._fill

    def survey_or_hang(path: str) -> Any:
        if path == str(dead.path):
            go_on.wait(60)
        return survey(path)

    def fill_or_hang(found: Any, *arguments: Any) -> Any:
        if found.path == str(dead.path):
            go_on.wait(60)
        return fill(found, *arguments)

    async with running_rooms(tmp_path / "db") as rooms:
        with trio.fail_after(20):
            for name, hanging in (("_survey", survey_or_hang), ("_fill", fill_or_hang)):
                with monkeypatch.context() as patch:
                    patch.setattr(adoption, name, hanging)
                    async with trio.open_nursery() as nursery:
                        for _ in range(3):
                            nursery.start_soon(_refused_as, "TIMEOUT", rooms, dead.path)
                        await trio.testing.wait_all_tasks_blocked()
                        assert (await rooms.adopter.adopt(str(alive.path))).repo is not None
                    await _refused_as("TIMEOUT", rooms, dead.path)
        assert not go_on.is_set()
        go_on.set()
        await until(lambda: all(call.done.is_set() for call in rooms.adopter._filling.values()))
        assert (await rooms.adopt(dead)).outcome == "adopted"


async def _refused_as(code: str, rooms: Rooms, path: Path) -> None:
    assert (await refused(rooms, path)).code == code


async def test_two_adopts_of_one_folder_at_once_adopt_it_once(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        outcomes: list[str] = []

        async def adopt() -> None:
            outcomes.append((await rooms.adopter.adopt(str(repository.path))).outcome)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(adopt)
        assert sorted(outcomes) == ["adopted", "kept", "kept", "kept"]
        (repo,) = rooms.registry
        assert repository.read(".repo-harness/id").strip() == repo.id
