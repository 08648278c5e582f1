"""rhd.workflow.artifact_writes: whole or not at all, and never over what the writer has not seen."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.access import EXECUTOR, GOAL, PLANNER, PLANNER_NOTE
from rhd.errors import Conflict, HarnessError, WriteFailed
from rhd.ids import Revision
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import MAX_BYTES, Saved, _closing, append, save
from rhd.workflow.reading import read_page
from rhd.workflow.revisions import revision_of, version_of
from rhd.workflow.root import Root
from tests.support import killed_saves
from tests.support.markdown_structure import parse
from tests.support.repositories import Repository

KEY = b"k" * 32
PRD = RelPath("plans/prds/20261101-0900-search.prd.md")
NEW = RelPath("plans/prds/new.prd.md")
NOTE = RelPath(PLANNER_NOTE)


def nobody(_: Revision) -> bool:
    return False


def anybody(_: Revision) -> bool:
    return True


def write(root: Root, path: RelPath, text: str, expected: Revision | None = None, is_ours: Any = nobody) -> Saved:
    return save(root, path, PLANNER.reach, text, KEY, expected=expected, is_ours=is_ours)


def code_of(root: Root, path: RelPath, text: str, expected: Revision | None = None, is_ours: Any = nobody) -> str:
    with pytest.raises(HarnessError) as caught:
        write(root, path, text, expected, is_ours)
    return caught.value.code


def test_an_absent_artifact_is_created_with_its_folders(root: Root, repository: Repository) -> None:
    goal = RelPath(GOAL)
    (repository.path / ".ai").rename(repository.path / "away")
    saved = save(root, goal, PLANNER.reach, "# Codex Goal\n", KEY, expected=None, is_ours=nobody)
    assert saved == Saved(revision_of(KEY, b"# Codex Goal\n"), created=True)
    assert repository.read(GOAL) == "# Codex Goal\n"


def test_what_was_read_can_be_replaced_and_the_write_gives_the_next_revision(
    root: Root, repository: Repository
) -> None:
    page = read_page(root, PRD, PLANNER.reach, KEY)
    first = write(root, PRD, "# One\n", page.revision)
    second = write(root, PRD, "# Two\r\n", first.revision)
    assert (first.created, second.created) == (False, False)
    assert (repository.path / PRD).read_bytes() == b"# Two\r\n"
    assert second.revision == read_page(root, PRD, PLANNER.reach, KEY).revision


def test_what_nobody_has_read_is_not_overwritten(root: Root, repository: Repository) -> None:
    before = repository.read(PRD)
    assert code_of(root, PRD, "# New\n") == "WOULD_OVERWRITE"
    assert code_of(root, PRD, before) == "WOULD_OVERWRITE", "even with what it already holds"
    assert repository.read(PRD) == before


def test_what_our_tool_wrote_and_nobody_changed_since_may_be_replaced(root: Root, repository: Repository) -> None:
    written = write(root, NEW, "# One\n").revision
    assert write(root, NEW, "# Two\n", is_ours=lambda revision: revision == written).created is False
    assert code_of(root, NEW, "# Three\n", is_ours=lambda revision: revision == written) == "WOULD_OVERWRITE"
    assert repository.read(NEW) == "# Two\n"


def test_a_revision_of_another_content_or_of_what_is_gone_is_a_conflict_that_does_not_tell(
    root: Root, repository: Repository
) -> None:
    current = read_page(root, PRD, PLANNER.reach, KEY).revision
    assert current is not None
    stale = revision_of(KEY, b"what it said yesterday")
    for is_ours in (nobody, anybody):
        with pytest.raises(Conflict) as caught:
            write(root, PRD, "# New\n", stale, is_ours)
        assert caught.value.code == "REVISION_CONFLICT"
        assert str(current) not in str(caught.value.to_json())
        assert version_of(KEY, (repository.path / PRD).read_bytes()) not in str(caught.value.to_json())
    assert code_of(root, NEW, "# New\n", stale) == "REVISION_CONFLICT"
    assert not (repository.path / NEW).exists()


def test_a_list_or_another_installation_gives_no_right_to_write(root: Root, repository: Repository) -> None:
    data = (repository.path / PRD).read_bytes()
    with pytest.raises(HarnessError) as caught:
        Revision(version_of(KEY, data))
    assert caught.value.code == "REVISION_CONFLICT"
    assert code_of(root, PRD, "# New\n", revision_of(b"o" * 32, data)) == "REVISION_CONFLICT"


def test_equal_content_is_not_written_again(root: Root, repository: Repository) -> None:
    page = read_page(root, PRD, PLANNER.reach, KEY)
    before = os.stat(repository.path / PRD)
    assert write(root, PRD, page.content, page.revision) == Saved(page.revision, created=False)  # type: ignore[arg-type]
    after = os.stat(repository.path / PRD)
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


def test_a_save_by_an_editor_in_between_wins(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = read_page(root, PRD, PLANNER.reach, KEY).revision
    real = Root.replace

    def edit_then_replace(self: Root, *arguments: Any, **named: Any) -> None:
        repository.write(PRD, "saved by an editor")
        real(self, *arguments, **named)

    monkeypatch.setattr(Root, "replace", edit_then_replace)
    assert code_of(root, PRD, "# New\n", revision) == "REVISION_CONFLICT"
    assert repository.read(PRD) == "saved by an editor"


def test_a_file_that_appears_in_between_is_not_overwritten(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Root.create

    def appear_then_create(self: Root, *arguments: Any, **named: Any) -> None:
        repository.write(NEW, "by an editor")
        real(self, *arguments, **named)

    monkeypatch.setattr(Root, "create", appear_then_create)
    assert code_of(root, NEW, "# New\n") == "WOULD_OVERWRITE"
    assert repository.read(NEW) == "by an editor"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (MAX_BYTES + 1), "FILE_TOO_LARGE"), ("é" * (MAX_BYTES // 2 + 1), "FILE_TOO_LARGE"),
        ("a\0b", "INVALID_ARGUMENT"), ("\ud800", "INVALID_ARGUMENT"),
    ],
    ids=["too long", "too many bytes", "NUL", "surrogate"],
)  # fmt: skip
def test_texts_that_no_artifact_may_hold(root: Root, repository: Repository, text: str, code: str) -> None:
    assert code_of(root, NEW, text) == code
    assert not (repository.path / NEW).exists()


def test_the_longest_text_is_written_and_can_be_read(root: Root) -> None:
    saved = write(root, NEW, "é" * (MAX_BYTES // 2))
    assert revision_of(KEY, root.read(NEW, PLANNER.reach, MAX_BYTES)[0]) == saved.revision


@pytest.mark.parametrize(
    "path",
    ["plans/plan.md", "src/index.py", "plans/prds/.env", "package.json", ".git/hooks/pre-commit", "tasks/current.md"],
)
def test_what_may_not_be_written_is_denied_before_anything_is_looked_at(
    root: Root, repository: Repository, path: str
) -> None:
    before = sorted(repository.path.rglob("*"))
    assert code_of(root, RelPath(path), "# New\n", None, anybody) == "POLICY_DENIED"
    assert sorted(repository.path.rglob("*")) == before


def test_the_reason_why_a_write_failed_is_told_and_the_old_content_is_intact(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = read_page(root, PRD, PLANNER.reach, KEY).revision
    before = repository.read(PRD)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WriteFailed) as caught:
        write(root, PRD, "# New\n", revision)
    monkeypatch.undo()
    assert caught.value.details == {"reason": "no_space"}
    assert repository.read(PRD) == before
    assert write(root, PRD, "# New\n", revision).created is False, "as soon as there is space again"


# Appending


def test_a_note_is_appended_on_a_line_of_its_own(root: Root, repository: Repository) -> None:
    first = append(root, NOTE, PLANNER.reach, "## One\n", KEY)
    assert first == Saved(revision_of(KEY, b"## One\n"), created=True)
    repository.write(NOTE, "## One, no newline")
    second = append(root, NOTE, PLANNER.reach, "## Two\n", KEY)
    assert repository.read(NOTE) == "## One, no newline\n## Two\n"
    assert second == Saved(revision_of(KEY, b"## One, no newline\n## Two\n"), created=False)


def test_a_note_stops_growing_at_its_bound(root: Root, repository: Repository) -> None:
    append(root, NOTE, PLANNER.reach, "x" * 90, KEY, max_bytes=100)
    with pytest.raises(HarnessError) as caught:
        append(root, NOTE, PLANNER.reach, "y" * 20, KEY, max_bytes=100)
    assert caught.value.code == "FILE_TOO_LARGE"
    assert repository.read(NOTE) == "x" * 90


def test_a_note_is_added_to_whatever_an_editor_saved_in_between(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(root, NOTE, PLANNER.reach, "one\n", KEY)
    real, edits = Root.replace, iter(["edited\n"])

    def edit_then_replace(self: Root, *arguments: Any, **named: Any) -> None:
        for text in edits:
            repository.write(NOTE, text)
        real(self, *arguments, **named)

    monkeypatch.setattr(Root, "replace", edit_then_replace)
    append(root, NOTE, PLANNER.reach, "two\n", KEY)
    assert repository.read(NOTE) == "edited\ntwo\n"


def test_somebody_who_never_stops_saving_does_not_hold_a_note_up_for_ever(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(root, NOTE, PLANNER.reach, "one\n", KEY)
    real, edits = Root.replace, iter(range(1000))

    def edit_then_replace(self: Root, *arguments: Any, **named: Any) -> None:
        repository.write(NOTE, f"edit {next(edits)}\n")
        real(self, *arguments, **named)

    monkeypatch.setattr(Root, "replace", edit_then_replace)
    with pytest.raises(Conflict):
        append(root, NOTE, PLANNER.reach, "two\n", KEY)


@pytest.mark.parametrize(
    "data", ["é\n".encode("utf-16"), "é\n".encode("latin-1"), b"a\0b"], ids=["utf-16", "latin-1", "NUL"]
)
def test_nothing_is_appended_to_what_cannot_be_read(root: Root, repository: Repository, data: bytes) -> None:
    """Two encodings in one file cannot be read by anything."""
    (repository.path / NOTE).write_bytes(data)
    with pytest.raises(HarnessError) as caught:
        append(root, NOTE, PLANNER.reach, "two\n", KEY)
    assert caught.value.code in ("NOT_UTF8", "BINARY_FILE")
    assert (repository.path / NOTE).read_bytes() == data


_LINES = st.sampled_from(
    ["```", "````sh", "~~~", "<!--", "-->", "<!-- a -->", "> ```", "- ```", "  ```", "- a", "  <!--", "    ```", "text",
     "", "`<!--", "# A", "| a | b |", "1. ~~~", "   ~~~~", "text <!-- a",
     "<pre>", "<PRE class='a'>", "</pre>", "<script>let a</script>", "<style", "</STYLE> a", "<?php", "?>", "<![CDATA[",
     "]]>", "<!DOCTYPE html", "> <pre>", "- <pre>", "text <pre>", "<details>", "<prefix>", "    <pre>"]
)  # fmt: skip


@given(st.lists(_LINES, max_size=8))
def test_an_open_fence_or_comment_does_not_hide_a_note(lines: list[str]) -> None:
    before = "\n".join(lines)
    after = f"{before}\n{_closing(before)}\n## A note\n\nIts text.\n"
    headings = [token for token in parse(after) if token.type == "heading_open"]
    assert headings
    assert headings[-1].tag == "h2"
    assert parse(after)[-3].type == "paragraph_open"


def test_what_is_open_is_closed_with_its_own_mark(root: Root, repository: Repository) -> None:
    for before, closing in (
        ("````sh\ncode", "````\n"),
        ("~~~\n```\n", "~~~\n"),
        ("<!-- a\n", "-->\n"),
        ("text\n", ""),
        ("<pre>\na\n", "</pre>\n"),
        ("<Script>\n```\n", "</script>\n"),
        ("<?php\n", "?>\n"),
    ):
        repository.write(NOTE, before)
        append(root, NOTE, PLANNER.reach, "## Note\n", KEY)
        whole = before if before.endswith("\n") else before + "\n"
        assert repository.read(NOTE) == f"{whole}{closing}## Note\n"


def test_each_profile_appends_to_its_own_note(root: Root) -> None:
    with pytest.raises(HarnessError) as caught:
        append(root, NOTE, EXECUTOR.reach, "x\n", KEY)
    assert caught.value.code == "POLICY_DENIED"


def test_whoever_reads_while_it_is_saved_sees_one_whole_content(root: Root, repository: Repository) -> None:
    texts = [f"{digit}" * 50_000 for digit in range(10)]
    repository.write(NEW, texts[0])
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            content = root.read(NEW, PLANNER.reach, MAX_BYTES)[0].decode()
            if content not in texts:
                torn.append(content)

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        for text in texts * 5:
            write(root, NEW, text, is_ours=anybody)
        stop.set()
        for reader in readers:
            reader.result(10)
    assert not torn


@pytest.mark.slow
@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_kills_in_the_middle_of_saves_lose_nothing_acknowledged_and_leave_nothing_half(
    tmp_path: Path, method: str
) -> None:
    """A few; tests/faults/test_saves.py kills a thousand times, and at every system call."""
    seen = killed_saves.run_random(tmp_path / "repository", method, 15, seed=3, timeout_s=50)
    assert (seen["lost"], seen["torn"], seen["left"]) == (0, 0, 0)
    assert seen["saves"] > 0
