"""rhd.workflow.root, by both ways of opening: what it does, what it refuses, what it leaves behind."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rhd.access import ARTIFACTS, EXECUTOR, PASSPHRASE_COPY, PLANNER, SCAFFOLD, Reach
from rhd.errors import Conflict, Detached, HarnessError, Refusal, WriteFailed
from rhd.rel_path import RelPath
from rhd.workflow.filestat import Facts
from rhd.workflow.root import Root
from tests.support.repositories import Repository

ALL = Reach("everything", ("**",), ("**",), denied=())
PRD = RelPath("plans/prds/20261101-0900-search.prd.md")
NEW = RelPath("plans/prds/new.prd.md")


def code_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """Return the code of the refusal that the call ends with."""
    with pytest.raises(HarnessError) as caught:
        call(*arguments, **named)
    return caught.value.code


def temporaries(repository: Repository) -> list[Path]:
    return [path for path in repository.path.rglob("*") if path.name.startswith(".rh-")]


# Reading


def test_reading_returns_the_bytes_and_their_facts(root: Root, repository: Repository) -> None:
    data, facts = root.read(PRD, PLANNER.reach, 4096)
    found = os.stat(repository.path / PRD)
    assert data == (repository.path / PRD).read_bytes()
    assert facts.signature == (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    assert facts.is_file


def test_an_empty_file_is_read(root: Root, repository: Repository) -> None:
    repository.write(NEW, "")
    assert root.read(NEW, PLANNER.reach, 0)[0] == b""


@pytest.mark.parametrize("size", [4095, 4096, 4097])
def test_a_file_over_the_limit_is_refused_whole(root: Root, repository: Repository, size: int) -> None:
    repository.write(NEW, "x" * size)
    if size <= 4096:
        assert len(root.read(NEW, PLANNER.reach, 4096)[0]) == size
    else:
        assert code_of(root.read, NEW, PLANNER.reach, 4096) == "FILE_TOO_LARGE"


def test_a_file_that_grows_while_it_is_read_is_refused_past_the_limit(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = repository.write(NEW, "x" * 100)
    real = os.fstat

    def fstat_then_grow(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_size == 100:
            with grown.open("a") as file:
                file.write("y" * 100_000)
        return found

    monkeypatch.setattr(os, "fstat", fstat_then_grow)
    assert code_of(root.read, NEW, PLANNER.reach, 4096) == "FILE_TOO_LARGE"


@pytest.mark.parametrize(
    "name", ["a b.md", "a: b.md", "a — b.md", "计划.md", "-rf.md", "$(touch x).md", "a;b.md", "%2e%2e"]
)
def test_names_as_found_on_disk_are_read_and_listed(root: Root, repository: Repository, name: str) -> None:
    repository.write(f"plans/{name}", "text")
    assert root.read(RelPath(f"plans/{name}"), PLANNER.reach, 100)[0] == b"text"
    assert name in [entry.name for entry in root.list(RelPath("plans"), PLANNER.reach)]


def test_what_is_not_there_is_not_found(root: Root) -> None:
    for path in ("plans/none.md", "plans/none/none.md", PRD + "/below", "plans/" + "x" * 255):
        assert code_of(root.read, RelPath(path), PLANNER.reach, 100) == "NOT_FOUND"


def test_what_is_out_of_reach_is_denied_whether_or_not_it_exists(root: Root) -> None:
    for path in ("src/index.py", "src/none.py", ".git/config", ".env", "plans/.git/config"):
        assert code_of(root.read, RelPath(path), PLANNER.reach, 100) == "POLICY_DENIED"


def test_a_folder_is_not_a_file(root: Root) -> None:
    assert code_of(root.read, RelPath("plans/prds"), PLANNER.reach, 100) == "NOT_A_FILE"


@pytest.mark.timeout(10)
def test_a_pipe_a_socket_and_a_device_are_refused_and_hang_nobody(root: Root, repository: Repository) -> None:
    os.mkfifo(repository.path / "plans/pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(repository.path / "plans")  # the path of a socket has at most 107 bytes
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        for name in ("pipe", "socket"):
            path = RelPath(f"plans/{name}")
            assert code_of(root.read, path, PLANNER.reach, 100) == "NOT_A_REGULAR_FILE"
            assert code_of(root.replace, path, ALL, b"") == "NOT_A_REGULAR_FILE"
            assert name not in [entry.name for entry in root.list(RelPath("plans"), PLANNER.reach)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_device_node_is_refused(root: Root, repository: Repository) -> None:
    try:
        os.mknod(repository.path / "plans/zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container makes no device nodes")
    assert code_of(root.read, RelPath("plans/zero"), PLANNER.reach, 100) in ("NOT_A_REGULAR_FILE", "READ_FAILED")


def test_a_link_is_refused_in_every_part(root: Root, repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.md").write_text("outside")
    plans = repository.path / "plans"
    (plans / "leaf.md").symlink_to(outside / "a.md")
    (plans / "inside.md").symlink_to("prds")
    (plans / "folder").symlink_to(outside)
    (plans / "loop").symlink_to("loop")
    (plans / "dangling").symlink_to(outside / "none")
    for path in ("leaf.md", "inside.md", "folder/a.md", "loop", "loop/a.md", "dangling", "dangling/a.md"):
        assert code_of(root.read, RelPath(f"plans/{path}"), PLANNER.reach, 100) == "SYMLINK_ESCAPE", path
    for folder in ("folder", "loop", "dangling"):
        assert code_of(root.list, RelPath(f"plans/{folder}"), PLANNER.reach) == "SYMLINK_ESCAPE", folder
    listed = {entry.name for entry in root.list(RelPath("plans"), PLANNER.reach)}
    assert listed == {"prds", "sprints"}


# Looking


def test_looking_tells_a_file_a_folder_a_link_and_nothing_apart(root: Root, repository: Repository) -> None:
    (repository.path / "plans/link").symlink_to("prds")
    file, folder, link = (root.look(RelPath(p), PLANNER.reach) for p in (PRD, "plans/prds", "plans/link"))
    assert file is not None
    assert folder is not None
    assert link is not None
    assert (file.is_file, folder.is_folder, link.is_link, link.is_folder) == (True, True, True, False)
    assert root.look(RelPath("plans/none"), PLANNER.reach) is None
    assert root.look(RelPath("plans/none/none"), PLANNER.reach) is None
    assert root.look(RelPath(PRD + "/below"), PLANNER.reach) is None
    assert code_of(root.look, RelPath("plans/link/a.md"), PLANNER.reach) == "SYMLINK_ESCAPE"
    assert code_of(root.look, RelPath("src/index.py"), PLANNER.reach) == "POLICY_DENIED"
    assert root.look(RelPath("docs/spec.md"), SCAFFOLD) is not None, "what may be created may be looked for"


# Listing


def test_listing_shows_what_may_be_read_and_folders_that_may_hold_it(root: Root, repository: Repository) -> None:
    repository.write("plans/.env", "SECRET=1")
    repository.write("plans/secrets/a.md", "x")
    assert {e.name for e in root.list("", PLANNER.reach)} == {"AGENTS.md", "docs", "plans", "tasks", ".ai"}
    assert {e.path for e in root.list(RelPath("plans"), PLANNER.reach)} == {"plans/prds", "plans/sprints"}
    [prd] = root.list(RelPath("plans/prds"), PLANNER.reach)
    assert prd.path == PRD
    assert prd.facts.signature == root.read(PRD, PLANNER.reach, 4096)[1].signature


def test_names_that_no_path_can_spell_are_left_out(root: Root, repository: Repository) -> None:
    folder = os.fsencode(repository.path / "plans/prds")
    for name in (b"latin-\xff.md", b"new\nline.md", b"back\\slash.md", b"\x1b[31mred.md"):
        with open(os.path.join(folder, name), "w"):
            pass
    os.symlink("nowhere", os.path.join(folder, b"link.md"))
    os.mkfifo(os.path.join(folder, b"pipe.md"))
    left_out: dict[str, str] = {}
    listed = root.list(RelPath("plans/prds"), PLANNER.reach, leave_out=left_out.__setitem__)
    assert [entry.path for entry in listed] == [PRD]
    assert left_out == {
        os.fsdecode(b"plans/prds/latin-\xff.md"): "name",
        "plans/prds/new\nline.md": "name",
        "plans/prds/back\\slash.md": "name",
        "plans/prds/\x1b[31mred.md": "name",
        "plans/prds/link.md": "link",
        "plans/prds/pipe.md": "not_regular",
    }


def test_a_linked_folder_is_left_out_if_it_could_hold_artifacts(root: Root, repository: Repository) -> None:
    shutil.rmtree(repository.path / "plans")
    for name in ("plans", "docs2", "node_modules"):
        (repository.path / name).symlink_to("/tmp")
    left_out: dict[str, str] = {}
    root.list("", PLANNER.reach, leave_out=left_out.__setitem__)
    assert left_out == {"plans": "link"}


def test_listing_refuses_what_is_no_reachable_folder(root: Root) -> None:
    assert code_of(root.list, RelPath("src"), PLANNER.reach) == "POLICY_DENIED"
    assert code_of(root.list, RelPath("plans/none"), PLANNER.reach) == "NOT_FOUND"
    assert code_of(root.list, PRD, PLANNER.reach) == "NOT_FOUND"


def test_a_folder_with_the_name_of_a_file_is_not_listed(root: Root, repository: Repository) -> None:
    (repository.path / "CLAUDE.md").mkdir()
    assert "CLAUDE.md" not in {entry.name for entry in root.list("", PLANNER.reach)}


def test_where_the_kernel_does_not_judge_another_device_is_a_mount(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(NEW, "x")
    mounted = os.stat(repository.path / NEW).st_ino
    monkeypatch.setattr(Facts, "device", property(lambda facts: root.identity[0] + (facts.inode == mounted)))
    left_out: list[tuple[str, str]] = []
    listed = [
        entry.path
        for entry in root.list(RelPath("plans/prds"), PLANNER.reach, leave_out=lambda *why: left_out.append(why))
    ]
    if root.method == "openat2":  # which did not refuse it: as on an overlay, where each file tells its own device
        assert (sorted(listed), left_out) == (sorted([PRD, NEW]), [])
        assert root.read(NEW, PLANNER.reach, 100)[0] == b"x"
        return
    assert (listed, left_out) == ([PRD], [(NEW, "mount")])
    assert code_of(root.read, NEW, PLANNER.reach, 100) == "NOT_A_REGULAR_FILE"
    assert code_of(root.replace, NEW, PLANNER.reach, b"") == "NOT_A_REGULAR_FILE"


MOUNTED = """
set -e
mount --make-rprivate / 2>/dev/null || true
cd "$1"
mkdir -p low/plans/prds up work over low/plans/tmpfs low/plans/bound elsewhere
echo low > low/plans/prds/low.md; echo low > low/AGENTS.md; echo x > elsewhere/a.md; echo x > low/plans/bound.md
mount -t tmpfs none up && mkdir up/up up/work
mount -t overlay none -o lowerdir=low,upperdir=up/up,workdir=up/work over
mount -t tmpfs none over/plans/tmpfs
mount --bind elsewhere over/plans/bound
mount --bind elsewhere/a.md over/plans/bound.md
exec "$2" -c "$3" "$1/over"
"""
SERVED = """
import sys
from rhd.access import ARTIFACTS, PLANNER
from rhd.rel_path import RelPath
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root

with Root.open(sys.argv[1], method="openat2") as root:
    root.create(RelPath("plans/prds/new.md"), PLANNER.reach, b"new")
    root.replace(RelPath("plans/prds/low.md"), PLANNER.reach, b"changed")
    catalog = Catalog(root, b"k" * 32)
    catalog.refresh()
    print(sorted(map(str, catalog.artifacts)), sorted(tuple(each) for each in catalog.problems.values()))
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a user namespace")
def test_a_repository_on_an_overlay_is_served_and_what_is_mounted_in_it_is_left_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            MOUNTED,
            "sh",
            tmp_path,
            sys.executable,
            SERVED,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"mounting in a user namespace is not allowed here: {done.stderr}")
    served = ["AGENTS.md", "plans/prds/low.md", "plans/prds/new.md"]
    left_out = [("plans/bound", "mount"), ("plans/bound.md", "mount"), ("plans/tmpfs", "mount")]
    assert done.stdout == f"{served} {left_out}\n", done.stderr


def test_a_bounded_listing_stops_there(root: Root, repository: Repository) -> None:
    for number in range(20):
        repository.write(f"plans/prds/{number}.md", "x")
    assert len(root.list(RelPath("plans/prds"), PLANNER.reach, limit=7)) == 7


# Creating


def test_a_created_file_holds_exactly_the_bytes_under_the_umask(root: Root, repository: Repository) -> None:
    was = os.umask(0o027)
    try:
        root.create(NEW, PLANNER.reach, b"a\r\nb\n")
        root.create(RelPath("plans/prds/private.md"), PLANNER.reach, b"", mode=0o600)
    finally:
        os.umask(was)
    assert (repository.path / NEW).read_bytes() == b"a\r\nb\n"
    assert stat.S_IMODE(os.stat(repository.path / NEW).st_mode) == 0o640
    assert stat.S_IMODE(os.stat(repository.path / "plans/prds/private.md").st_mode) == 0o600
    assert os.stat(repository.path / NEW).st_nlink == 1
    assert not temporaries(repository)


def test_creating_never_replaces_anything(root: Root, repository: Repository, tmp_path: Path) -> None:
    (repository.path / "plans/prds/dangling.md").symlink_to(tmp_path / "made-by-link")
    (repository.path / "plans/prds/folder.md").mkdir()
    before = repository.read(PRD)
    for name in (PRD.name, "dangling.md", "folder.md"):
        assert code_of(root.create, RelPath(f"plans/prds/{name}"), PLANNER.reach, b"new") == "WOULD_OVERWRITE"
    assert repository.read(PRD) == before
    assert not (tmp_path / "made-by-link").exists()
    assert not temporaries(repository)


def test_of_many_creators_exactly_one_wins_and_its_bytes_stay(root: Root, repository: Repository) -> None:
    start = threading.Barrier(8)

    def create(number: int) -> bool:
        start.wait(10)
        try:
            root.create(NEW, PLANNER.reach, b"%d" % number * 10_000)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(create, range(8)))
    assert won.count(True) == 1
    assert (repository.path / NEW).read_bytes() == b"%d" % won.index(True) * 10_000


def test_creating_needs_the_folder_and_the_reach(root: Root) -> None:
    assert code_of(root.create, RelPath("plans/prds/deeper/a.md"), PLANNER.reach, b"") == "POLICY_DENIED"
    assert code_of(root.create, RelPath("plans/none/a.md"), ALL, b"") == "NOT_FOUND"
    assert code_of(root.create, RelPath("plans/plan.md"), PLANNER.reach, b"") == "POLICY_DENIED"
    assert code_of(root.create, RelPath("plans/prds/.env"), PLANNER.reach, b"") == "POLICY_DENIED"


# Replacing


def test_replacing_keeps_the_mode_and_swaps_the_content_whole(root: Root, repository: Repository) -> None:
    target = repository.path / PRD
    target.chmod(0o664)
    with target.open("rb") as reader:
        before = target.read_bytes()
        root.replace(PRD, PLANNER.reach, b"new")
        assert reader.read() == before, "a reader that had it open keeps reading the old content"
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o664
    assert not temporaries(repository)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second group")
def test_replacing_keeps_the_group(root: Root, repository: Repository) -> None:
    target = repository.path / PRD
    os.chown(target, -1, 4242)
    target.chmod(0o660)
    root.replace(PRD, PLANNER.reach, b"new")
    assert (target.stat().st_gid, stat.S_IMODE(target.stat().st_mode)) == (4242, 0o660)


def test_replacing_refuses_what_is_not_one_plain_file_of_ours(root: Root, repository: Repository) -> None:
    prds = repository.path / "plans/prds"
    (prds / "folder.md").mkdir()
    (prds / "link.md").symlink_to(PRD.name)
    os.link(repository.path / PRD, prds / "other-name.md")
    for name, code in {
        "folder.md": "NOT_A_FILE",
        "link.md": "SYMLINK_ESCAPE",
        "other-name.md": "NOT_A_REGULAR_FILE",
        PRD.name: "NOT_A_REGULAR_FILE",
        "none.md": "NOT_FOUND",
        ".env": "POLICY_DENIED",
    }.items():
        assert code_of(root.replace, RelPath(f"plans/prds/{name}"), PLANNER.reach, b"new") == code, name
    assert "# Search" in repository.read(PRD)
    assert not temporaries(repository)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's file")
def test_another_users_file_is_not_replaced(root: Root, repository: Repository) -> None:
    os.chown(repository.path / PRD, 4242, -1)
    with pytest.raises(WriteFailed) as caught:
        root.replace(PRD, PLANNER.reach, b"new")
    assert caught.value.details == {"reason": "owner"}


def test_a_save_by_somebody_else_is_not_overwritten(root: Root, repository: Repository) -> None:
    _, facts = root.read(PRD, PLANNER.reach, 4096)
    repository.write(PRD, "saved by an editor")
    assert code_of(root.replace, PRD, PLANNER.reach, b"new", expected=facts) == "REVISION_CONFLICT"
    assert repository.read(PRD) == "saved by an editor"


def test_a_save_by_somebody_else_during_ours_is_not_overwritten(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, facts = root.read(PRD, PLANNER.reach, 4096)
    real = os.fsync

    def fsync_while_an_editor_saves(descriptor: int) -> None:
        real(descriptor)
        repository.write(PRD, "saved by an editor")

    monkeypatch.setattr("rhd.workflow.temporary_file.os.fsync", fsync_while_an_editor_saves)
    assert code_of(root.replace, PRD, PLANNER.reach, b"new", expected=facts) == "REVISION_CONFLICT"
    assert repository.read(PRD) == "saved by an editor"
    assert not temporaries(repository)


REASONS = {
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "quota",
    errno.EROFS: "read_only",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EMFILE: "open_files",
    errno.EIO: "io",
    errno.EBUSY: "other",
}


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename", "link"])
def test_whatever_the_system_refuses_the_old_content_stays(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = repository.read(PRD)
    real = getattr(os, call)
    for number, reason in REASONS.items():

        def refuse(*arguments: Any, number: int = number, **named: Any) -> Any:
            if call == "open" and not str(arguments[0]).startswith(".rh-"):
                return real(*arguments, **named)
            raise OSError(number, os.strerror(number))

        for write, path in ((root.create, NEW), (root.replace, PRD)):
            if (call, write) in (("link", root.replace), ("rename", root.create)):
                continue
            with monkeypatch.context() as patch:
                patch.setattr(os, call, refuse)
                with pytest.raises(WriteFailed) as caught:
                    write(path, PLANNER.reach, b"new")
            assert caught.value.details == {"reason": reason}
            assert str(repository.path) not in caught.value.message
        assert repository.read(PRD) == before
        assert not (repository.path / NEW).exists()
        assert not temporaries(repository)


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EMFILE, "open_files"), (errno.EACCES, "permission"), (errno.EIO, "io")]
)
def test_what_the_system_does_not_let_us_read_is_told_with_the_reason(
    root: Root, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(root, "_open", refuse)
    for call in (
        lambda: root.read(PRD, PLANNER.reach, 100),
        lambda: root.list(RelPath("plans"), PLANNER.reach),
        lambda: root.look(PRD, PLANNER.reach),
    ):
        with pytest.raises(Refusal) as caught:
            call()
        assert (caught.value.code, caught.value.details) == ("READ_FAILED", {"reason": reason})


# Folders


def test_missing_folders_are_made_with_the_mode_asked_for(root: Root, repository: Repository) -> None:
    root.make_folders(RelPath("plans/archive/2026"), SCAFFOLD)
    root.make_folders(RelPath("plans/archive/2026"), SCAFFOLD)
    root.make_folders(RelPath(".repo-harness"), SCAFFOLD, mode=0o700)
    root.make_folders("", SCAFFOLD)
    assert (repository.path / "plans/archive/2026").is_dir()
    assert stat.S_IMODE((repository.path / ".repo-harness").stat().st_mode) == 0o700


def test_folders_are_made_only_where_something_may_be_written(root: Root, repository: Repository) -> None:
    for folder in ("src/new", "plans/new", "tasks/new", "plans/prds/new", ".git/hooks/new"):
        assert code_of(root.make_folders, RelPath(folder), PLANNER.reach) == "POLICY_DENIED", folder
        assert not (repository.path / folder).exists()


def test_a_file_or_a_link_in_the_way_of_a_folder_is_refused(root: Root, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    repository.write("plans/file", "x")
    (repository.path / "plans/link").symlink_to(tmp_path / "outside")
    for folder in ("plans/file", "plans/file/below"):
        with pytest.raises(WriteFailed) as caught:
            root.make_folders(RelPath(folder), SCAFFOLD)
        assert caught.value.details == {"reason": "not_a_folder"}
    for folder in ("plans/link", "plans/link/below"):
        assert code_of(root.make_folders, RelPath(folder), SCAFFOLD) == "SYMLINK_ESCAPE"
    assert not list((tmp_path / "outside").iterdir())


# Sweeping


def test_the_sweep_takes_our_orphans_and_nothing_else(root: Root, repository: Repository, tmp_path: Path) -> None:
    orphans = [
        "plans/prds/.rh-abcdefghjkmn.tmp",
        "plans/archive/2026/.rh-222222222222.tmp",
        ".ai/harness/handoff/.rh-zzzzzzzzzzzz.tmp",
        ".repo-harness/.rh-abcdefghjkmn.tmp",
        "docs/.rh-abcdefghjkmn.tmp",
        ".rh-abcdefghjkmn.tmp",
    ]
    others = [
        "plans/prds/.rh-short.tmp",
        "plans/prds/.rh-abcdefghjkmn.tmp.md",
        "plans/prds/x.rh-abcdefghjkmn.tmp",
        "src/.rh-abcdefghjkmn.tmp",
        ".git/.rh-abcdefghjkmn.tmp",
    ]
    for name in (*orphans, *others):
        repository.write(name, "half a fi")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/.rh-abcdefghjkmn.tmp").write_text("not ours")
    (repository.path / "plans/link").symlink_to(tmp_path / "outside")
    (repository.path / "plans/prds/.rh-aaaaaaaaaaaa.tmp").symlink_to(tmp_path / "outside")
    (repository.path / "plans/sprints/.rh-aaaaaaaaaaaa.tmp").mkdir()

    assert root.sweep() == len(orphans)

    assert not any((repository.path / name).exists() for name in orphans)
    assert all((repository.path / name).exists() for name in others)
    assert (tmp_path / "outside/.rh-abcdefghjkmn.tmp").exists()
    assert (repository.path / "plans/prds/.rh-aaaaaaaaaaaa.tmp").is_symlink()
    assert (repository.path / "plans/sprints/.rh-aaaaaaaaaaaa.tmp").is_dir()
    assert root.sweep() == 0


def test_the_sweep_passes_over_a_mount(root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mount looks from here; tests/faults/test_disk.py has a real one."""
    if root.method == "openat2":
        pytest.skip("the kernel itself refuses a mount")
    there = repository.write("plans/mounted/.rh-abcdefghjkmn.tmp", "of another file system")
    orphans = [repository.write(f"{folder}/.rh-abcdefghjkmn.tmp", "x") for folder in ("plans/archive", "plans/prds")]
    mounted, real = os.stat(there.parent).st_ino, os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_ino != mounted:
            return found
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]))

    monkeypatch.setattr(os, "fstat", fstat)
    assert root.sweep() == len(orphans)
    assert there.exists()
    assert not any(orphan.exists() for orphan in orphans)


def test_a_name_that_vanishes_under_the_sweep_does_not_keep_it_from_those_after_it(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter in "abcdef":
        repository.write(f"plans/prds/.rh-{letter * 12}.tmp", "x")
    real, gone = os.unlink, []

    def unlink(name: str, *, dir_fd: int) -> None:
        real(name, dir_fd=dir_fd)
        if not gone:  # another process was faster
            gone.append(name)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(os, "unlink", unlink)
    assert root.sweep() == 5
    assert not temporaries(repository)


def test_a_file_created_by_a_process_killed_before_it_could_clean_up_can_be_replaced_after_the_sweep(
    root: Root, repository: Repository
) -> None:
    root.create(NEW, PLANNER.reach, b"acknowledged or not, it is whole")
    os.link(repository.path / NEW, repository.path / "plans/prds/.rh-abcdefghjkmn.tmp")
    assert code_of(root.replace, NEW, PLANNER.reach, b"new") == "NOT_A_REGULAR_FILE"
    root.sweep()
    root.replace(NEW, PLANNER.reach, b"new")
    assert repository.read(NEW) == "new"


# Attachment


def everything(root: Root) -> list[Callable[[], Any]]:
    return [
        lambda: root.read(PRD, PLANNER.reach, 4096),
        lambda: root.look(PRD, PLANNER.reach),
        lambda: root.list("", PLANNER.reach),
        lambda: root.create(NEW, PLANNER.reach, b""),
        lambda: root.replace(PRD, PLANNER.reach, b""),
        lambda: root.make_folders(RelPath("plans/prds"), PLANNER.reach),
        root.sweep,
        root.real_path,
    ]


def _move(repository: Repository) -> Path:
    return repository.path.rename(repository.path.with_name("moved"))


def _replace_by_another(repository: Repository) -> Path:
    moved = _move(repository)
    Repository.make(repository.path)
    return moved


def _replace_by_a_link(repository: Repository) -> Path:
    moved = _move(repository)
    repository.path.symlink_to(moved)
    return moved


@pytest.mark.parametrize("happen", [_move, _replace_by_another, _replace_by_a_link])
def test_a_moved_or_replaced_repository_is_detached_and_never_followed(
    root: Root, repository: Repository, happen: Callable[[Repository], Path]
) -> None:
    assert root.is_attached()
    moved = happen(repository)
    before = {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    assert not root.is_attached()
    for operation in everything(root):
        with pytest.raises(Detached):
            operation()
    assert {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()} == before


def test_a_repository_that_is_moved_back_is_attached_again(root: Root, repository: Repository) -> None:
    _move(repository).rename(repository.path)
    assert root.is_attached()
    root.read(PRD, PLANNER.reach, 4096)


def test_only_a_folder_can_be_opened_and_not_through_a_link(repository: Repository, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository.path)
    for path in (tmp_path / "none", repository.path / "AGENTS.md", link, Path(f"{link}/")):
        assert code_of(Root.open, f"{path}") == "REPO_DETACHED"
    assert code_of(Root.open, f"{link}/") == "REPO_DETACHED", "a slash behind a link would follow it"
    for path in ("project", "", "/\0"):
        assert code_of(Root.open, path) == "INVALID_ARGUMENT"


def test_the_real_path_has_no_link_in_it(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(tmp_path)
    with Root.open(f"{tmp_path}/way/{repository.path.name}") as root:
        assert root.real_path() == os.path.realpath(repository.path)
        assert root.is_attached()


# Threads


def test_many_threads_use_one_root_at_once(root: Root, repository: Repository) -> None:
    texts = {f"plans/prds/{number}.md": f"text {number}" * 100 for number in range(50)}
    for name, text in texts.items():
        repository.write(name, text)

    def read(number: int) -> bool:
        name = f"plans/prds/{number % 50}.md"
        return root.read(RelPath(name), PLANNER.reach, 4096)[0] == texts[name].encode()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(2000)))


def test_a_root_closed_under_its_threads_never_opens_beneath_another_folder(
    repository: Repository, tmp_path: Path, root: Root
) -> None:
    other = Repository.make(tmp_path / "other")
    other.write(PRD, "of the other repository")
    start = threading.Barrier(5)

    def read_until_closed(one: Root) -> str:
        start.wait(10)
        while True:
            try:
                data, _ = one.read(PRD, PLANNER.reach, 4096)
            except Detached:
                return "closed"
            if data == b"of the other repository":
                return "escaped"

    for _ in range(20):
        one = Root.open(str(repository.path), method=root.method)
        with ThreadPoolExecutor(4) as threads:
            readers = [threads.submit(read_until_closed, one) for _ in range(4)]
            start.wait(10)
            one.close()
            taking = [os.open(other.path, os.O_RDONLY) for _ in range(8)]  # takes the number if it is free
            assert [reader.result(10) for reader in readers] == ["closed"] * 4
        for descriptor in taking:
            os.close(descriptor)


def test_no_operation_leaves_a_descriptor_open(root: Root, repository: Repository) -> None:
    os.mkfifo(repository.path / "plans/pipe")
    (repository.path / "plans/link").symlink_to("prds")

    def attempt(operation: Callable[[], Any]) -> None:
        with suppress(HarnessError):
            operation()

    before = len(os.listdir("/proc/self/fd"))
    for path in (PRD, "plans/none/a.md", "plans/pipe", "plans/link/a.md", "plans/prds", "src/index.py"):
        for operation in (root.read, root.list, root.replace):
            attempt(
                lambda o=operation, p=path: o(RelPath(p), ALL, *({root.read: (1,), root.replace: (b"",)}.get(o, ())))
            )
    for operation in everything(root):
        attempt(operation)
    assert len(os.listdir("/proc/self/fd")) == before


def test_messages_name_no_path_of_the_machine(root: Root, repository: Repository) -> None:
    (repository.path / "plans/link").symlink_to("/etc/passwd")
    for path in ("plans/link", "plans/none", "plans/prds", "src/index.py"):
        for call in (
            lambda p: root.read(RelPath(p), PLANNER.reach, 100),
            lambda p: root.create(RelPath(p), ALL, b""),
            lambda p: root.replace(RelPath(p), EXECUTOR.reach, b""),
        ):
            try:
                call(path)
            except HarnessError as refusal:
                told = f"{refusal.message} {refusal.next_step} {refusal.details}"
                assert str(repository.path) not in told
                assert "passwd" not in told


def test_the_passphrase_copy_is_written_and_never_read(root: Root, repository: Repository) -> None:
    copy = RelPath(".repo-harness/mcp.oauth.json")
    root.make_folders(RelPath(".repo-harness"), SCAFFOLD, mode=0o700)
    root.create(copy, PASSPHRASE_COPY, b"{}", mode=0o600)
    root.replace(copy, PASSPHRASE_COPY, b'{"version": 1}')
    assert stat.S_IMODE((repository.path / copy).stat().st_mode) == 0o600
    for reach in (PASSPHRASE_COPY, PLANNER.reach, EXECUTOR.reach, ARTIFACTS, SCAFFOLD):
        assert code_of(root.read, copy, reach, 100) == "POLICY_DENIED"


def test_a_root_that_rests_is_used_again_and_notices_another_folder_in_its_place(
    root: Root, repository: Repository
) -> None:
    assert root.rest(0.0)
    assert root.read(RelPath(PRD), PLANNER.reach, 1 << 20)[0]
    assert root.rest(0.0)
    repository.path.rename(repository.path.with_name("away"))
    with pytest.raises(Detached):
        root._open_again()
    shutil.copytree(repository.path.with_name("away"), repository.path)
    with pytest.raises(Detached):
        root._open_again()
