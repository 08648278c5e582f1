"""rhd.workflow.catalog: every change once, equal content never, whatever happens to the files in between."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rhd.errors import Detached
from rhd.rel_path import RelPath
from rhd.store.change_rows import ArtifactRow
from rhd.workflow import catalog as module
from rhd.workflow.catalog import Catalog, Change, Refreshed
from rhd.workflow.filestat import Facts
from rhd.workflow.listing import list_page
from rhd.workflow.revisions import version_of
from rhd.workflow.root import Root
from tests.support.repositories import Repository

KEY = b"k" * 32
PRD, SPRINT = "plans/prds/20261101-0900-search.prd.md", "plans/sprints/20261102-0900-search.sprint.md"
EVERYTHING = {
    "AGENTS.md": "instructions",
    "docs/spec.md": "spec",
    PRD: "prd",
    SPRINT: "sprint",
    "tasks/current.md": "current",
    ".ai/harness/handoff/resume.md": "handoff",
    ".ai/harness/checks/latest.json": "check",
}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look happens an hour after whatever was written: signatures can be trusted at once."""
    monkeypatch.setattr(module.time, "time_ns", lambda: real_time_ns() + 3600 * 10**9)


real_time_ns = time.time_ns


@pytest.fixture
def catalog(root: Root, later: None) -> Catalog:
    """The test repository's catalog, refreshed once."""
    made = Catalog(root, KEY)
    made.refresh()
    return made


def told(refreshed: Refreshed) -> set[tuple[str, str]]:
    return {(change.path, change.change) for change in refreshed.changes}


@contextmanager
def counted_reads(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the paths that a refresh opens."""
    opened: list[str] = []
    real = Root.read

    def read(self: Root, path: RelPath, *arguments: Any) -> Any:
        opened.append(path)
        return real(self, path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Root, "read", read)
        yield opened


# What is there


def test_the_first_refresh_adds_everything(root: Root) -> None:
    catalog = Catalog(root, KEY)
    refreshed = catalog.refresh()
    assert {(c.path, c.kind) for c in refreshed.changes} == set(EVERYTHING.items())
    assert {change.change for change in refreshed.changes} == {"added"}
    assert [change.path for change in refreshed.changes] == sorted(EVERYTHING)
    assert {artifact.path for artifact in refreshed.save} == set(EVERYTHING)
    assert set(catalog.artifacts) == set(EVERYTHING)
    sprint = catalog.artifacts[SPRINT]
    assert (sprint.title, sprint.status, sprint.done, sprint.total) == ("Search sprint", "Executing", 1, 2)
    assert catalog.artifacts[".ai/harness/checks/latest.json"].status == "pass"
    assert catalog.artifacts[PRD].version == version_of(KEY, root.read(RelPath(PRD), module.ARTIFACTS, 4096)[0])
    assert not catalog.problems


def test_the_folders_are_those_in_which_a_change_can_matter_up_to_the_root(catalog: Catalog) -> None:
    assert catalog.folders == {
        "", "docs", "plans", "plans/prds", "plans/sprints", "tasks",
        ".ai", ".ai/harness", ".ai/harness/handoff", ".ai/harness/checks",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["a b.md", "a: b.md", "a — b.md", "计划.md", "no ending", "wrong.prd.txt", "-rf.md", "…", "a\u202eb.md", "a" * 251],
)
def test_names_as_found_are_held(catalog: Catalog, repository: Repository, name: str) -> None:
    repository.write(f"plans/prds/{name}", "# T\n")
    assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(f"plans/prds/{name}", "added")}


@pytest.mark.parametrize(
    "name",
    [
        "a.md~",
        ".#a.md",
        "#a.md#",
        ".a.md.swp",
        ".a.swo",
        ".swx.swp",
        "4913",
        ".DS_Store",
        ".gitkeep",
        ".gitignore",
        ".rh-abcdefghjkmn.tmp",
        "a.md.tmp",
        "a.md.tmp.4711.1795375264",
        "a.md___jb_tmp___",
    ],
)
def test_what_editors_leave_lying_about_is_no_artifact(catalog: Catalog, repository: Repository, name: str) -> None:
    repository.write(f"plans/prds/{name}", "noise")
    refreshed = catalog.refresh()
    assert refreshed == Refreshed((), (), (), frozenset(), None)


def test_links_pipes_denied_names_and_folders_are_no_artifacts(
    catalog: Catalog, repository: Repository, tmp_path: Path
) -> None:
    (repository.path / "plans/link.md").symlink_to(repository.path / PRD)
    (repository.path / "plans/folder").symlink_to(tmp_path)
    os.mkfifo(repository.path / "plans/pipe.md")
    repository.write("plans/.env", "A=1")
    repository.write("plans/secrets/a.md", "A=1")
    repository.write("src/a.md", "x")
    assert not catalog.refresh().changes


# What changes


def test_nothing_is_opened_while_nothing_changes(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with counted_reads(catalog, monkeypatch) as opened:
        assert catalog.refresh() == Refreshed((), (), (), frozenset(), None)
    assert opened == []


def test_a_change_is_told_once_and_its_row_is_to_be_saved(catalog: Catalog, repository: Repository) -> None:
    repository.write(PRD, "# Renamed\n\n> **Status**: Approved\n")
    refreshed = catalog.refresh(frozenset({"plans/prds"}))
    assert refreshed.changes == (Change(RelPath(PRD), "prd", "modified"),)
    assert [artifact.path for artifact in refreshed.save] == [PRD]
    assert (catalog.artifacts[PRD].title, catalog.artifacts[PRD].status) == ("Renamed", "Approved")
    assert not catalog.refresh().changes


def test_an_atomic_save_is_one_modification(catalog: Catalog, repository: Repository) -> None:
    repository.write("plans/prds/.tmp-save", "# New\n").rename(repository.path / PRD)
    assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(PRD, "modified")}


@pytest.mark.parametrize("how", ["touch", "rewrite", "atomic"])
def test_equal_content_is_never_told_but_its_row_is_brought_up_to_date(
    catalog: Catalog, repository: Repository, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    text = repository.read(PRD)
    if how == "touch":
        os.utime(repository.path / PRD)
    elif how == "rewrite":
        repository.write(PRD, text)
    else:
        repository.write("plans/prds/.tmp-save", text).rename(repository.path / PRD)
    refreshed = catalog.refresh()
    assert not refreshed.changes
    assert [artifact.path for artifact in refreshed.save] == [PRD]
    with counted_reads(catalog, monkeypatch) as opened:
        catalog.refresh()
    assert opened == []


def test_a_removed_file_is_told_with_its_kind_and_its_row_goes(catalog: Catalog, repository: Repository) -> None:
    (repository.path / PRD).unlink()
    refreshed = catalog.refresh(frozenset({"plans/prds"}))
    assert refreshed.changes == (Change(RelPath(PRD), "prd", "removed"),)
    assert (refreshed.save, refreshed.delete) == ((), (PRD,))


def test_a_move_is_a_removal_and_an_addition(catalog: Catalog, repository: Repository) -> None:
    (repository.path / PRD).rename(repository.path / "plans/moved.md")
    assert told(catalog.refresh(frozenset({"plans", "plans/prds"}))) == {(PRD, "removed"), ("plans/moved.md", "added")}


def test_a_file_that_becomes_a_folder_and_a_file_again(catalog: Catalog, repository: Repository) -> None:
    target = repository.path / PRD
    text = target.read_text()
    target.unlink()
    repository.write(f"{PRD}/inside.md", "x")
    assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(PRD, "removed"), (f"{PRD}/inside.md", "added")}
    assert PRD in catalog.folders
    shutil.rmtree(target)
    target.write_text(text)
    assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(PRD, "added"), (f"{PRD}/inside.md", "removed")}
    assert PRD not in catalog.folders


def test_a_file_that_becomes_a_link_is_removed(catalog: Catalog, repository: Repository) -> None:
    (repository.path / PRD).rename(repository.path / "src/away.md")
    (repository.path / PRD).symlink_to("../../src/away.md")
    assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(PRD, "removed")}


# Folders


def test_a_hint_is_looked_at_and_nothing_else(
    catalog: Catalog, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(PRD, "# hinted\n")
    repository.write(SPRINT, "# not hinted\n")
    with counted_reads(catalog, monkeypatch) as opened:
        assert told(catalog.refresh(frozenset({"plans/prds"}))) == {(PRD, "modified")}
    assert opened == [PRD]
    assert told(catalog.refresh()) == {(SPRINT, "modified")}


def test_a_new_folder_is_followed_to_its_bottom_at_once(catalog: Catalog, repository: Repository) -> None:
    repository.write("plans/a/b/c/deep.md", "x")
    assert told(catalog.refresh(frozenset({"plans"}))) == {("plans/a/b/c/deep.md", "added")}
    assert {"plans/a", "plans/a/b", "plans/a/b/c"} <= catalog.folders


@pytest.mark.parametrize("hint", ["plans/a/b/c", "plans/a/b", "plans/a", "plans/a/none/at/all"])
def test_a_hint_below_what_is_known_finds_the_way_down(catalog: Catalog, repository: Repository, hint: str) -> None:
    repository.write("plans/a/b/c/deep.md", "x")
    assert told(catalog.refresh(frozenset({hint}))) == {("plans/a/b/c/deep.md", "added")}


@pytest.mark.parametrize("hint", ["plans/prds", "plans", "plans/prds/deeper"])
def test_a_folder_that_vanished_takes_everything_below_with_it(
    catalog: Catalog, repository: Repository, hint: str
) -> None:
    repository.write("plans/prds/deeper/a.md", "x")
    catalog.refresh()
    shutil.rmtree(repository.path / "plans/prds")
    refreshed = catalog.refresh(frozenset({hint}))
    expected = {(PRD, "removed"), ("plans/prds/deeper/a.md", "removed")}
    assert told(refreshed) == (expected if hint != "plans/prds/deeper" else {("plans/prds/deeper/a.md", "removed")})
    assert told(catalog.refresh()) == expected - told(refreshed)
    assert not any(folder.startswith("plans/prds") for folder in catalog.folders)


def test_a_folder_that_vanishes_and_comes_back_while_it_is_looked_at_leaves_nothing_behind(
    catalog: Catalog, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = [f"plans/x/y/{number}" for number in range(20)]  # in whatever order: one will be listed after plans/x
    for folder in deep:
        repository.write(f"{folder}/a.md", "x")
    catalog.refresh()
    plans, real = repository.path / "plans", Root.list
    (plans / "x/y").rename(plans / "away")

    def come_back(self: Root, path: Any, *args: Any, **options: Any) -> Any:
        listing = real(self, path, *args, **options)
        if path == "plans/x":
            (plans / "away").rename(plans / "x/y")
        return listing

    monkeypatch.setattr(Root, "list", come_back)
    catalog.refresh(frozenset({"plans/x", *deep}))
    monkeypatch.setattr(Root, "list", real)
    assert {path.rpartition("/")[0] for path in catalog.artifacts} <= catalog.folders
    shutil.rmtree(plans / "x/y")
    catalog.refresh(frozenset({"plans/x"}))
    assert not [path for path in catalog.artifacts if path.startswith("plans/x/")]


def test_a_folder_that_was_replaced_by_another_of_the_same_name_is_looked_through(
    catalog: Catalog, repository: Repository
) -> None:
    repository.write("elsewhere/deep/other.md", "x")
    repository.write("plans/prds/deep/a.md", "x")
    catalog.refresh()
    shutil.rmtree(repository.path / "plans/prds")
    (repository.path / "elsewhere").rename(repository.path / "plans/prds")
    assert told(catalog.refresh(frozenset({"plans"}))) == {
        (PRD, "removed"),
        ("plans/prds/deep/a.md", "removed"),
        ("plans/prds/deep/other.md", "added"),
    }


def test_a_folder_that_becomes_a_link_is_gone_and_never_followed(
    catalog: Catalog, repository: Repository, tmp_path: Path
) -> None:
    (repository.path / "plans/prds").rename(tmp_path / "away")
    (repository.path / "plans/prds").symlink_to(tmp_path / "away")
    for hint in ("plans/prds", "plans"):
        refreshed = catalog.refresh(frozenset({hint}))
        assert told(refreshed) <= {(PRD, "removed")}
    assert PRD not in catalog.artifacts


def test_a_branch_switch_is_one_refresh(catalog: Catalog, repository: Repository) -> None:
    for number in range(300):
        repository.write(f"plans/prds/{number}.md", f"# {number}\n")
    assert len(catalog.refresh().changes) == 300
    for number in range(0, 300, 2):
        (repository.path / f"plans/prds/{number}.md").unlink()
    for number in range(1, 300, 2):
        repository.write(f"plans/prds/{number}.md", "# changed\n")
    changes = [change.change for change in catalog.refresh(frozenset({"plans/prds"})).changes]
    assert (changes.count("removed"), changes.count("modified")) == (150, 150)


# The store


def test_what_the_store_knows_is_there_before_the_disk_is_looked_at_and_nothing_is_opened_again(
    catalog: Catalog, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [artifact.row() for artifact in catalog.artifacts.all()]
    restarted = Catalog(root, KEY, rows)
    assert restarted.artifacts.all() == catalog.artifacts.all()
    assert restarted.folders >= {"", "plans", "plans/prds"}
    with counted_reads(restarted, monkeypatch) as opened:
        assert restarted.refresh() == Refreshed((), (), (), frozenset(), None)
    assert opened == []
    assert restarted.folders == catalog.folders


def test_what_changed_while_nobody_looked_is_told_at_the_next_start(
    catalog: Catalog, root: Root, repository: Repository
) -> None:
    rows = [artifact.row() for artifact in catalog.artifacts.all()]
    repository.write(PRD, "# changed meanwhile\n")
    (repository.path / SPRINT).unlink()
    repository.write("plans/new.md", "x")
    assert told(Catalog(root, KEY, rows).refresh()) == {
        (PRD, "modified"),
        (SPRINT, "removed"),
        ("plans/new.md", "added"),
    }


def test_rows_that_make_no_sense_or_lie_out_of_reach_are_replaced_by_what_is_there(root: Root, later: None) -> None:
    rows = [
        ArtifactRow(PRD, "nonsense", "{}"),
        ArtifactRow("plans/gone.md", "nonsense", "{}"),
        ArtifactRow("src/index.py", "1.2.3.4", '{"version":"aaaaaaaaaaaa"}'),
        ArtifactRow("plans/../../etc/passwd", "1.2.3.4", '{"version":"aaaaaaaaaaaa"}'),
        ArtifactRow("/etc/passwd", "1.2.3.4", '{"version":"aaaaaaaaaaaa"}'),
    ]
    catalog = Catalog(root, KEY, rows)
    refreshed = catalog.refresh()
    assert set(catalog.artifacts) == set(EVERYTHING)
    assert set(refreshed.delete) == {row.path for row in rows[1:]}
    assert catalog.refresh() == Refreshed((), (), (), frozenset(), None)


# Clocks


def test_a_second_write_within_the_clocks_grain_is_found_by_looking_again(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 1_700_000_000_123_000_000
    now = [at + 1_000_000]
    monkeypatch.setattr(Facts, "signature", property(lambda facts: (facts.inode, facts.size_bytes, at, at)))
    monkeypatch.setattr(module.time, "time_ns", lambda: now[0])
    catalog = Catalog(root, KEY)
    refreshed = catalog.refresh()
    assert "plans/prds" in refreshed.again
    assert refreshed.again_after_s is not None
    assert 0 < refreshed.again_after_s < 1

    (repository.path / PRD).write_text(repository.read(PRD).swapcase())  # the same size, and the clock stands still
    now[0] += int(refreshed.again_after_s * 1e9) + 1_000_000
    second = catalog.refresh(refreshed.again)
    assert told(second) == {(PRD, "modified")}
    assert (second.again, second.again_after_s) == (frozenset(), None)
    with counted_reads(catalog, monkeypatch) as opened:
        catalog.refresh()
    assert opened == []


def test_a_file_that_was_just_written_is_not_believed_after_a_restart_either(
    root: Root, repository: Repository
) -> None:
    repository.write(PRD, "# just now\n")
    catalog = Catalog(root, KEY)
    row = next(artifact.row() for artifact in catalog.refresh().save if artifact.path == PRD)
    restarted = Catalog(root, KEY, [row])
    assert restarted.artifacts[PRD].signature != root.read(RelPath(PRD), module.ARTIFACTS, 100)[1].signature


def test_a_file_system_that_counts_whole_seconds_is_waited_for(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1_700_000_000_000_000_000
    monkeypatch.setattr(Facts, "signature", property(lambda facts: (facts.inode, facts.size_bytes, at, at)))
    monkeypatch.setattr(module.time, "time_ns", lambda: at + 1_500_000_000)
    refreshed = Catalog(root, KEY).refresh()
    assert refreshed.again_after_s is not None
    assert refreshed.again_after_s > 2


def test_a_file_from_the_future_is_read_each_time_and_never_waited_for(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "time_ns", lambda: real_time_ns() - 3600 * 10**9)
    catalog = Catalog(root, KEY)
    assert catalog.refresh().again == frozenset()
    with counted_reads(catalog, monkeypatch) as opened:
        assert catalog.refresh() == Refreshed((), (), (), frozenset(), None)
    assert set(opened) == set(EVERYTHING)


# Trouble


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(
    catalog: Catalog, repository: Repository, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(PRD, "# changed\n")
    repository.write(SPRINT, "# changed\n")
    real = root._open

    def refuse(folder: int, path: str, flags: int) -> int:
        if path == PRD:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(folder, path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(root, "_open", refuse)
        refreshed = catalog.refresh()
        assert told(refreshed) == {(SPRINT, "modified")}, "what cannot be read is not said to have changed"
        assert refreshed.again == frozenset(), "no second refresh is asked for at once, and again, and again"
        assert catalog.problems[PRD] == (PRD, "unreadable")
        assert catalog.artifacts[PRD].title == "Search"
    assert told(catalog.refresh()) == {(PRD, "modified")}
    assert not catalog.problems


def test_a_new_file_that_cannot_be_read_is_listed_by_its_name(
    catalog: Catalog, repository: Repository, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("plans/prds/new.md", "# Title\n")
    real = root._open

    def refuse(folder: int, path: str, flags: int) -> int:
        if path.endswith("new.md"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(folder, path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(root, "_open", refuse)
        assert told(catalog.refresh()) == {("plans/prds/new.md", "added")}
        assert catalog.artifacts["plans/prds/new.md"].title == "new.md"
    catalog.refresh()
    assert catalog.artifacts["plans/prds/new.md"].title == "Title"


def test_a_folder_that_cannot_be_listed_keeps_what_is_known_of_it(
    catalog: Catalog, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = root._open

    def refuse(folder: int, path: str, flags: int) -> int:
        if path == "plans/prds":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(folder, path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(root, "_open", refuse)
        assert not catalog.refresh().changes
        assert catalog.problems["plans/prds"].reason == "unreadable"
    assert PRD in catalog.artifacts
    catalog.refresh()
    assert not catalog.problems


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x89PNG\r\n\0", b"caf\xe9"], ids=["utf-16", "binary", "latin-1"])
def test_what_is_no_text_is_listed_by_its_name(catalog: Catalog, repository: Repository, data: bytes) -> None:
    (repository.path / "plans/prds/odd.md").write_bytes(data)
    assert told(catalog.refresh()) == {("plans/prds/odd.md", "added")}
    assert catalog.artifacts["plans/prds/odd.md"].title == "odd.md"


def test_a_file_over_four_megabytes_is_listed_by_its_signature(catalog: Catalog, repository: Repository) -> None:
    large = repository.path / "plans/large.md"
    with large.open("wb") as file:
        file.write(b"# Title\n")
        file.truncate(module.MAX_READ_BYTES + 1)
    assert told(catalog.refresh()) == {("plans/large.md", "added")}
    assert (catalog.artifacts["plans/large.md"].title, catalog.artifacts["plans/large.md"].size_bytes) == (
        "large.md",
        module.MAX_READ_BYTES + 1,
    )
    with large.open("r+b") as file:
        file.write(b"# Other\n")
    assert told(catalog.refresh()) == {("plans/large.md", "modified")}
    assert not catalog.problems


def test_more_than_it_holds_is_said_and_never_cut_silently(
    root: Root, repository: Repository, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ARTIFACTS", 10)
    for number in range(8):
        repository.write(f"plans/prds/{number}.md", "x")
    catalog = Catalog(root, KEY)
    catalog.refresh()
    assert len(catalog.artifacts) == 10
    assert {problem.reason for problem in catalog.problems.values()} == {"too_many"}
    before = set(catalog.artifacts)
    gone = sorted(before)[-1]
    (repository.path / gone).unlink()
    catalog.refresh(frozenset({gone.rpartition("/")[0]}))
    catalog.refresh(frozenset())
    assert len(catalog.artifacts) == 10, "what was left out takes the place that became free"
    for number in range(8):
        (repository.path / f"plans/prds/{number}.md").unlink(missing_ok=True)
    catalog.refresh(frozenset())
    catalog.refresh(frozenset())
    assert not catalog.problems


def test_one_folder_with_too_many_names_is_named(
    root: Root, repository: Repository, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ARTIFACTS", 20)
    for number in range(30):
        repository.write(f"plans/prds/{number}.md", "x")
    catalog = Catalog(root, KEY)
    catalog.refresh()
    assert catalog.problems["plans/prds"].reason == "too_many"


def test_folders_nested_too_deep_are_named_and_what_is_above_is_held(catalog: Catalog, repository: Repository) -> None:
    depth = module.MAX_DEPTH - 1  # below plans
    repository.write("plans/" + "d/" * depth + "held.md", "x")
    repository.write("plans/" + "d/" * (depth + 1) + "too-deep.md", "x")
    assert told(catalog.refresh()) == {("plans/" + "d/" * depth + "held.md", "added")}
    assert [problem.reason for problem in catalog.problems.values()] == ["too_deep"]
    shutil.rmtree(repository.path / "plans/d")
    catalog.refresh()
    assert not catalog.problems


@pytest.mark.parametrize("what", ["a folder too deep", "a folder too full"])
def test_one_folder_that_is_too_much_costs_no_look_at_the_others(
    root: Root, repository: Repository, later: None, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "a folder too deep":
        there = "plans/" + "/".join("d" * (module.MAX_DEPTH - 1))
        repository.write(f"{there}/d/too-deep.md", "x")
    else:
        there = "plans/x/y"
        monkeypatch.setattr(module, "MAX_ARTIFACTS", 20)
        for number in range(21):
            repository.write(f"{there}/.rh-{'a' * 10}{chr(97 + number)}a.tmp", "never an artifact")
    catalog = Catalog(root, KEY)
    catalog.refresh()
    assert list(catalog.problems) == [there]
    listed: list[str] = []
    real = Root.list

    def list_noted(self: Root, folder: Any, *arguments: Any, **named: Any) -> Any:
        listed.append(folder)
        return real(self, folder, *arguments, **named)

    monkeypatch.setattr(Root, "list", list_noted)
    for hinted in ("tasks", there.rpartition("/")[0], there):
        catalog.refresh(frozenset({hinted}))
        assert listed.pop() == hinted
        assert listed == []
        assert list(catalog.problems) == [there], "it is said until it is over"
    shutil.rmtree(repository.path / there)
    (repository.path / there).mkdir()
    catalog.refresh(frozenset({there}))
    assert not catalog.problems


@pytest.mark.parametrize("hinted", ["plans", "plans/d", "plans" + "/d" * (module.MAX_DEPTH - 2)])
def test_what_was_wrong_with_a_folder_goes_with_it(catalog: Catalog, repository: Repository, hinted: str) -> None:
    repository.write("plans/" + "d/" * module.MAX_DEPTH + "too-deep.md", "x")
    catalog.refresh()
    assert len(catalog.problems) == 1
    shutil.rmtree(repository.path / hinted / "d")
    catalog.refresh(frozenset({hinted}))
    assert not catalog.problems


def test_a_repository_that_goes_away_half_way_changes_nothing(
    catalog: Catalog, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(PRD, "# changed\n")
    before = (catalog.artifacts, catalog.folders, catalog.problems)
    real = Root.list

    def list_then_move(self: Root, folder: Any, *arguments: Any, **named: Any) -> Any:
        found = real(self, folder, *arguments, **named)
        if folder == "plans/prds":
            repository.path.rename(repository.path.with_name("moved"))
        return found

    monkeypatch.setattr(Root, "list", list_then_move)
    with pytest.raises(Detached):
        catalog.refresh()
    assert (catalog.artifacts, catalog.folders, catalog.problems) == before


def test_files_that_vanish_between_listing_and_reading_are_not_there(
    catalog: Catalog, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("plans/prds/brief.md", "x")
    repository.write(PRD, "# changed\n")
    real = Root.read

    def vanish_then_read(self: Root, path: RelPath, *arguments: Any) -> Any:
        (repository.path / path).unlink()
        return real(self, path, *arguments)

    monkeypatch.setattr(Root, "read", vanish_then_read)
    assert told(catalog.refresh()) == {(PRD, "removed")}


# Threads, memory, lists


def test_whoever_reads_while_it_refreshes_sees_the_old_or_the_new(catalog: Catalog, repository: Repository) -> None:
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen = catalog.artifacts
            if len({artifact.size_bytes for artifact in seen.all() if "pair" in artifact.path}) > 1:
                torn.append(seen)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for step in range(8):
            for name in "ab":
                repository.write(f"plans/prds/pair-{name}.md", "x" * (step + 1))
            catalog.refresh()
    finally:
        stop.set()
        reader.join(10)
    assert not torn


def test_a_repository_of_100_artifacts_takes_300_bytes_for_each_all_in(
    root: Root, repository: Repository, later: None
) -> None:
    for number in range(93):
        repository.write(
            f"plans/prds/20261101-{number:04}-search.prd.md", f"# Search part {number}\n\n> **Status**: Draft\n"
        )
    Catalog(root, KEY).refresh()  # whatever is cached once for all repositories
    gc.collect()
    tracemalloc.start()
    try:
        catalog = Catalog(root, KEY)
        catalog.refresh()
        gc.collect()
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(catalog.artifacts) == 100
    assert used_bytes <= 100 * 300, used_bytes


def test_lists_answer_from_the_catalog(catalog: Catalog) -> None:
    page = list_page(catalog.artifacts, readable=["planner"])
    assert {artifact.path for artifact in page.artifacts} == set(EVERYTHING)


# Everything at once


class Disk(RuleBasedStateMachine):
    """Random operations on a real repository; the catalog is told which folders they happened in, as by a watcher."""

    names = st.sampled_from(["a.md", "b.md", "c", "计划.md"])
    folders = st.sampled_from(
        ["plans", "plans/prds", "plans/x", "plans/x/y", "tasks/notes", "docs", "tasks", ".ai/context"]
    )
    make_repository: Callable[[], Repository]

    def __init__(self) -> None:
        super().__init__()
        self.repository = self.make_repository()
        self.root = Root.open(str(self.repository.path))
        self.catalog = Catalog(self.root, KEY)
        self.dirty: set[str] = set()
        self.announced: dict[str, str] = {}
        self.rows: dict[str, ArtifactRow] = {}
        self.refresh()

    def teardown(self) -> None:
        self.root.close()

    def path(self, folder: str, name: str) -> Path:
        self.dirty.add(folder)
        return self.repository.path / folder / name

    @rule(folder=folders, name=names, text=st.sampled_from(["", "a", "b", "# T\n"]))
    def write(self, folder: str, name: str, text: str) -> None:
        target = self.path(folder, name)
        if target.is_dir() or not target.parent.is_dir():
            return
        target.write_text(text)

    @rule(folder=folders, name=names, text=st.sampled_from(["a", "b"]))
    def save_atomically(self, folder: str, name: str, text: str) -> None:
        target = self.path(folder, name)
        if target.is_dir() or not target.parent.is_dir():
            return
        target.with_name(".#save").write_text(text)
        target.with_name(".#save").rename(target)

    @rule(folder=folders)
    def make_folder(self, folder: str) -> None:
        (self.repository.path / folder).mkdir(parents=True, exist_ok=True)
        self.dirty |= {"", folder.partition("/")[0], folder.rpartition("/")[0]}

    @rule(folder=folders)
    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self.repository.path / folder, ignore_errors=True)
        self.dirty.add(folder.rpartition("/")[0])

    @rule(folder=folders, name=names)
    def remove(self, folder: str, name: str) -> None:
        target = self.path(folder, name)
        if target.is_file() or target.is_symlink():
            target.unlink()

    @rule(folder=folders, name=names)
    def file_becomes_folder(self, folder: str, name: str) -> None:
        target = self.path(folder, name)
        if target.is_file() and not target.is_symlink():
            target.unlink()
            target.mkdir()
            (target / "in.md").write_text("in")

    @rule(folder=folders, name=names)
    def link(self, folder: str, name: str) -> None:
        target = self.path(folder, name)
        if target.parent.is_dir() and not target.exists() and not target.is_symlink():
            target.symlink_to(self.repository.path / "src/index.py")

    @rule(one=folders, other=folders)
    def rename_folder(self, one: str, other: str) -> None:
        source, target = self.repository.path / one, self.repository.path / other
        if source.is_dir() and target.parent.is_dir() and not target.exists() and not other.startswith(f"{one}/"):
            source.rename(target)
            self.dirty |= {one.rpartition("/")[0], other.rpartition("/")[0]}

    @rule()
    def refresh(self) -> None:
        self.take(self.catalog.refresh(frozenset(self.dirty) if self.announced else None))

    @rule()
    def restart(self) -> None:
        self.catalog = Catalog(self.root, KEY, self.rows.values())
        refreshed = self.catalog.refresh()
        assert self.dirty or not refreshed.changes, "a restart alone is no change"
        self.take(refreshed)

    def take(self, refreshed: Refreshed) -> None:
        for change in refreshed.changes:
            known = change.path in self.announced
            assert known == (change.change != "added"), change
            if change.change == "removed":
                del self.announced[change.path]
            else:
                version = self.catalog.artifacts[change.path].version
                assert self.announced.get(change.path) != version, "equal content is never announced"
                self.announced[change.path] = version
        self.rows.update({artifact.path: artifact.row() for artifact in refreshed.save})
        for path in refreshed.delete:
            del self.rows[path]
        self.dirty.clear()

    @invariant()
    def the_catalog_is_what_is_on_disk(self) -> None:
        if not self.dirty:
            fresh = Catalog(self.root, KEY)
            fresh.refresh()
            assert self.announced == {a.path: a.version for a in fresh.artifacts.all()}
            assert {a.path: a.version for a in self.catalog.artifacts.all()} == self.announced
            assert self.catalog.folders == fresh.folders
            assert set(self.rows) == set(self.announced)


def test_whatever_happens_on_disk_the_catalog_follows_by_hints(template: Repository, tmp_path: Path) -> None:
    count = iter(range(10**6))

    def make() -> Repository:
        path = tmp_path / str(next(count))
        shutil.copytree(template.path, path, ignore=shutil.ignore_patterns(".git"))
        return Repository(path)

    machine = type("OnDisk", (Disk,), {"make_repository": staticmethod(make)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("CATALOG_EXAMPLES", "15")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_cannot_be_served_is_kept_as_a_problem_until_it_can(repository: Repository) -> None:
    with Root.open(str(repository.path)) as root:
        catalog = Catalog(root, KEY)
        catalog.refresh()
        assert catalog.problems == {}
        folder = repository.path / "plans"
        folder.rename(repository.path / "real")
        folder.symlink_to("real")
        (repository.path / "tasks/.#lock.md").symlink_to("user@host.1:2")  # an editor's
        os.mkfifo(repository.path / "tasks/contracts.md")
        catalog.refresh()
        assert {problem.path: problem.reason for problem in catalog.problems.values()} == {
            "plans": "link",
            "tasks/contracts.md": "not_regular",
        }
        assert not [path for path in catalog.artifacts if path.startswith("plans/")]
        folder.unlink()
        (repository.path / "real").rename(folder)
        (repository.path / "tasks/contracts.md").unlink()
        catalog.refresh(frozenset({"", "tasks"}))
        assert catalog.problems == {}
        assert [path for path in catalog.artifacts if path.startswith("plans/")]
