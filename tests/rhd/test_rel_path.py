from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import PathRefused
from rhd.rel_path import MAX_PATH_BYTES, RelPath

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
