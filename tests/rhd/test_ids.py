from __future__ import annotations

import pytest

from rhd.errors import HarnessError, Refusal
from rhd.ids import Cursor, RepoId, Revision, Slug


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
