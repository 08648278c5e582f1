from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import HarnessError, PathRefused, Refusal
from rhd.ids import MAX_PATH_BYTES, Cursor, RelPath, RepoId, Revision, Slug

REFUSED = [
    "",
    "/etc/passwd",
    "..",
    "../app-secrets/x",
    "plans/../../x",
    "plans/..",
    ".",
    "./plans",
    "plans//a.md",
    "plans/",
    "plans/./a.md",
    "plans\\..\\a.md",
    "plans/a\0.md",
    "plans/a\n.md",
    "plans/\x1b[31m.md",
    "plans/\udcff.md",
    "p/" * 600,
    "x" * 300,
    "é" * 200,
]


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_cve_2025_53110_a_path_has_one_spelling_and_stays_below(text: str) -> None:
    with pytest.raises(PathRefused) as caught:
        RelPath(text)
    assert caught.value.code == "POLICY_DENIED"


@pytest.mark.parametrize(
    "text", ["./plans/a.md", "plans//a.md", "repo-harness://app/plans/a.md", "/plans/a.md", "a\nb"]
)
def test_a_path_that_is_written_otherwise_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(PathRefused) as caught:
        RelPath(text)
    assert "as list_workflow_files gives it" in caught.value.next_step
    assert ("URI" in caught.value.message) == ("://" in text)


@pytest.mark.parametrize(
    "text", ["plans/a.md", "plans/a b: c — d.md", "plans/検索.md", "..a/b", "a.", "a ", "%2e%2e/x", ".ai/x", "a\u200db"]
)
def test_names_as_found_on_disk_are_paths(text: str) -> None:
    assert RelPath(text) == text


@given(st.text(max_size=60))
def test_a_path_never_leaves_its_root(text: str) -> None:
    try:
        path = RelPath(text)
    except PathRefused:
        return
    assert not path.startswith("/")
    assert all(part not in ("", ".", "..") for part in path.split("/"))
    assert len(path.encode()) <= MAX_PATH_BYTES


def test_a_path_knows_its_name_and_folder() -> None:
    assert (RelPath("a/b/c.md").name, RelPath("a/b/c.md").folder) == ("c.md", "a/b")
    assert (RelPath("c.md").name, RelPath("c.md").folder) == ("c.md", "")


@pytest.mark.parametrize("text", ["", "A", "a_b", "-a", "a-", "a" * 49, "a.b", "ä", "a\n"])
def test_a_slug_is_what_a_url_can_hold(text: str) -> None:
    with pytest.raises(Refusal):
        Slug(text)


@pytest.mark.parametrize(
    ("name", "slug"), [("My App", "my-app"), ("äöü", "aou"), ("検索", "repo"), ("a" * 80, "a" * 48), ("--", "repo")]
)
def test_a_folders_name_suggests_a_slug(name: str, slug: str) -> None:
    assert Slug.suggest(name) == slug


def test_ids_are_parsed_or_refused() -> None:
    assert RepoId(RepoId.new()) != RepoId.new()
    with pytest.raises(Refusal):
        RepoId("rh_short")
    with pytest.raises(Refusal):
        RepoId(RepoId.new() + "\n")


@pytest.mark.parametrize("text", ["", "abc", "r1_" + "a" * 21, "r1_" + "a" * 23, "sha256:" + "a" * 22])
def test_only_a_revision_is_a_revision(text: str) -> None:
    with pytest.raises(HarnessError) as caught:
        Revision(text)
    assert caught.value.code == "REVISION_CONFLICT"


def test_a_cursor_is_a_place_in_a_log() -> None:
    cursor = Cursor.make("abcdef", 12)
    assert (cursor, cursor.log, cursor.number) == ("abcdef-12", "abcdef", 12)
    for text in ("abcdef", "abcdef-", "abcdef--1", "abcdef-01", "abcdef-1 ", "abcdef-" + "9" * 30):
        with pytest.raises(HarnessError):
            Cursor(text)
